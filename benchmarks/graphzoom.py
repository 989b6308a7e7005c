"""GraphZoom beside what it wraps: MovieLens-1M's graph of users and items, one thread.

On Amazon's music, whose items have categories, also with the graph of these fused in;
the last item of each user is to be found there.
Claims: none of a winner. Each solver has its defaults but for ``SkipGramWalks``, of 5
walks a node instead of 10; nothing is chosen. Seconds are of one processor, which other
work shares. A run that was stopped goes on.
Run: OPENBLAS_NUM_THREADS=1 TIDEGRAPH_DATA=folder python benchmarks/graphzoom.py
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from published import Job, data

import tidegraph as tg
from tidegraph.kernels.jit import use_threads
from tidegraph.retrieval.factorized import Factorized
from tidegraph.retrieval.recipes.factorized import graphzoom
from tidegraph.retrieval.solvers import HOPE, GraphZoom, NetMF, SkipGramWalks

OUT = Path(__file__).parent / "results" / "graphzoom.json"
NETMF = NetMF(window=10, rank=128)
SOLVERS = {"SkipGramWalks": SkipGramWalks(walks=5), "NetMF": NETMF, "HOPE": HOPE()}
MUSIC, BY = "amazon_tlsan_digital_music", ("category",)
FUSED = {
    "music, NetMF": Factorized("NetMF", NETMF),
    "music, NetMF, fused": Factorized("NetMF", GraphZoom(NETMF, 0, features=BY)),
    "music, NetMF, 1 levels, 2 steps": graphzoom(NETMF),
    "music, NetMF, fused, 1 levels, 2 steps": graphzoom(NETMF, features=BY),
}
ZOOMS = (1, 0), (1, 1), (1, 2), (2, 1), (2, 2)


def music() -> Job:
    folder = Path(os.environ["TIDEGRAPH_DATA"]) / MUSIC
    log = tg.read(
        folder / "interactions.parquet",
        user="user",
        item="item",
        time="timestamp",
        items=folder / "items.parquet",
    )
    return Job.of(f"{MUSIC} test", *log.leave_last(1), None)


def main() -> None:
    """Measure each solver alone, then on a graph made smaller."""
    results: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    name = "reczoo_movielens1m_m1"
    for solved, solver in SOLVERS.items():
        rows = {solved: Factorized(solved, solver)} | {
            f"{solved}, {levels} levels, {steps} steps": graphzoom(
                solver, levels, steps
            )
            for levels, steps in ZOOMS
        }
        measure(rows, lambda: Job.of(f"{name} test", *data(name), None), results)
    measure(FUSED, music, results)


def measure(
    rows: dict[str, Factorized], job: Callable[[], Job], results: dict[str, Any]
) -> None:
    """Measure the rows that are not there yet."""
    for row, method in rows.items():
        if row in results:
            continue
        with use_threads(threads=1, grain=1024):
            results[row] = job().answered(method)[1]
        print(row, results[row], flush=True)
        OUT.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
