"""The exact index beside a matrix product with NumPy and its own choice of the largest.

Claim: the 20 largest products of 29,858 queries with 40,981 vectors of 64 numbers, the
size of Gowalla, take less than 15 s on 2 cores, and no longer than NumPy's way. Both
find the same rows but where two products differ by rounding. The numbers are normal.
Run: python benchmarks/exact_index.py
"""

import json
import os
import statistics
import time
from pathlib import Path

import numpy as np

from tidegraph.kernels.jit import cpu_count
from tidegraph.retrieval.index import Exact
from tidegraph.stages import ItemSets

OUT = Path(__file__).parent / "results" / "exact_index.json"
QUERIES, VECTORS, SIZE, K, BLOCK, RUNS = 29_858, 40_981, 64, 20, 512, 3


def with_numpy(queries: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    found = np.empty((len(queries), K), np.int32)
    for start in range(0, len(queries), BLOCK):
        score = queries[start : start + BLOCK] @ vectors.T
        top = np.argpartition(-score, K, axis=1)[:, :K]
        order = np.argsort(-np.take_along_axis(score, top, 1), axis=1, kind="stable")
        found[start : start + BLOCK] = np.take_along_axis(top, order, 1)
    return found


def main() -> None:
    rng = np.random.default_rng(0)
    queries = rng.normal(size=(QUERIES, SIZE)).astype(np.float32)
    vectors = rng.normal(size=(VECTORS, SIZE)).astype(np.float32)
    index, nothing = Exact().over(vectors), ItemSets.none(QUERIES)
    index.search(queries[:64], K, ItemSets.none(64))
    ways = {
        "exact index": lambda: index.search(queries, K, nothing)[0],
        "numpy": lambda: with_numpy(queries, vectors),
    }
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, np.ndarray] = {}
    for _ in range(RUNS):
        for name, way in ways.items():
            started, busy = time.perf_counter(), time.process_time()
            found[name] = way()
            wall[name].append(round(time.perf_counter() - started, 2))
            cpu[name].append(round(time.process_time() - busy, 2))
    same = float((found["exact index"] == found["numpy"]).mean())
    results = {
        "cores": cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "wall_seconds": wall,
        "processor_seconds": cpu,
        "rows_alike": round(same, 5),
    }
    OUT.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))
    assert same > 0.999
    assert statistics.median(wall["exact index"]) < 15
    assert statistics.median(cpu["exact index"]) < statistics.median(cpu["numpy"])


if __name__ == "__main__":
    main()
