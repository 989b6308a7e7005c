"""The exact and the approximate index of a million vectors of 64 numbers.

Vectors are drawn around a thousand centres, of different lengths, as of
``approximate_index.py``; the 100 largest products of each query are looked for. Each
index runs in a process of its own, on one thread. Memory is what the process holds more
than before it was built; processor time is the median of three runs.
Claim: the default share of the lists finds nine tenths of what the exact index finds,
in half the time for queries together, and in a tenth for one after the other. Vectors
of a recommender have other structure, so what a share finds says little of those.
Run: python benchmarks/large_index.py [VECTORS]
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}

import numpy as np
from approximate_index import vectors

from tidegraph.retrieval.index import Exact, FittedIndex, InvertedLists
from tidegraph.stages import ItemSets

OUT = Path(__file__).parent / "results" / "large_index.json"
K, QUERIES, ALONE, RUNS = 100, 500, 20, 3
SHARES = (1 / 256, 1 / 64, 1 / 16, 1 / 4)


def spent(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def searched(index: FittedIndex, queries: np.ndarray) -> dict[str, Any]:
    """Return milliseconds of a query among many, and of one after the other."""

    def together() -> np.ndarray:
        return index.search(queries, K, ItemSets.none(len(queries)))[0]

    def alone() -> None:
        for row in range(ALONE):
            index.search(queries[row : row + 1], K, ItemSets.none(1))

    found = together()
    many = float(np.median([spent(together) for _ in range(RUNS)])) / len(queries)
    one = float(np.median([spent(alone) for _ in range(RUNS)])) / ALONE
    return {"found": found, "together_ms": many * 1e3, "alone_ms": one * 1e3}


def exact(item: np.ndarray, user: np.ndarray, truth: Path) -> list[dict[str, Any]]:
    index = Exact().over(item)
    index.search(user[:2], K, ItemSets.none(2))
    row = searched(index, user)
    np.save(truth, row.pop("found"))
    held = item.nbytes / 2**20
    return [{"index": "Exact", "build_s": 0.0, "held_mib": held, "recall": 1.0} | row]


def lists(item: np.ndarray, user: np.ndarray, truth: Path) -> list[dict[str, Any]]:
    before, started = held_mib(), time.process_time()
    index = InvertedLists().over(item)
    built, held = time.process_time() - started, held_mib() - before
    more = spent(lambda: index.added(item[:1_000]))
    best, rows = np.load(truth), []
    for share in SHARES:
        row = searched(replace(index, settings=InvertedLists(share)), user)
        both = zip(row.pop("found"), best, strict=True)
        recall = float(np.mean([len(np.intersect1d(a, b)) / K for a, b in both]))
        told = {"index": "InvertedLists", "share": share, "recall": round(recall, 4)}
        rows.append(told | row)
    about = {"build_s": built, "held_mib": held, "added_1000_s": more}
    return [rows[0] | about, *rows[1:]]


def held_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    count = sys.argv[1] if len(sys.argv) > 1 else "1000000"
    if len(sys.argv) > 3:
        item, user = vectors(count)
        work = {"exact": exact, "lists": lists}[sys.argv[2]]
        print(json.dumps(work(item, user[:QUERIES], Path(sys.argv[3]))))
        return
    truth, rows = OUT.with_suffix(".npy"), []
    for kind in ("exact", "lists"):
        call = [sys.executable, __file__, count, kind, truth]
        done = subprocess.run(call, capture_output=True, text=True, check=True)
        for row in json.loads(done.stdout.splitlines()[-1]):
            rows.append(
                {
                    k: v if isinstance(v, str) else float(f"{v:.4g}")
                    for k, v in row.items()
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    truth.unlink()
    load = round(os.getloadavg()[0], 1)
    OUT.write_text(json.dumps({"load_average": load, "rows": rows}, indent=1) + "\n")
    exactly, default = rows[0], next(r for r in rows if r.get("share") == 0.0625)
    assert default["recall"] > 0.9
    assert default["together_ms"] < exactly["together_ms"] / 2
    assert default["alone_ms"] < exactly["alone_ms"] / 10


if __name__ == "__main__":
    main()
