"""Approximate indexes side by side: recall, processor time, memory, additions, files.

    python benchmarks/approximate_index.py vectors.npz result.json  # user=, item=
    python benchmarks/approximate_index.py 1000000 result.json      # drawn vectors

Each of faiss-cpu, usearch and hnswlib that is installed runs in a process of its own,
on one thread, so that processor time is what a quiet machine would take. Products are
searched as they are, and as cosines of vectors with one number more that makes them all
as long as the longest (Bachrach et al., 2014).
"""

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np

LINKS, BUILD, K, QUERIES = 16, 128, 100, 1_000
WIDTHS = (100, 200, 400, 800, 1_600)


class Index(NamedTuple):
    add: Callable[[np.ndarray, int], None]
    search: Callable[[np.ndarray, int, int], np.ndarray]
    save: Callable[[str], None]


def faiss_hnsw(size: int, d: int) -> Index:
    faiss = importlib.import_module("faiss")
    index = faiss.IndexHNSWFlat(d, LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = BUILD

    def search(queries: np.ndarray, k: int, width: int) -> np.ndarray:
        wide = faiss.SearchParametersHNSW(efSearch=width)
        return index.search(queries, k, params=wide)[1]

    return Index(
        lambda vectors, first: index.add(vectors),
        search,
        lambda path: faiss.write_index(index, path),
    )


def faiss_lists(size: int, d: int) -> Index:
    """Lists of what is near to a centre; some lists are searched whole."""
    faiss = importlib.import_module("faiss")
    lists = 4 * int(size**0.5)
    centres = faiss.IndexFlatIP(d)
    index = faiss.IndexIVFFlat(centres, d, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = 10

    def add(vectors: np.ndarray, first: int) -> None:
        if not index.is_trained:
            index.train(vectors)
        index.add(vectors)

    def search(queries: np.ndarray, k: int, width: int) -> np.ndarray:
        some = faiss.SearchParametersIVF(nprobe=max(1, lists * width // 6_400))
        return index.search(queries, k, params=some)[1]

    return Index(add, search, lambda path: faiss.write_index(index, path))


def usearch_hnsw(size: int, d: int) -> Index:
    index = importlib.import_module("usearch.index").Index(
        ndim=d, metric="ip", dtype="f32", connectivity=LINKS, expansion_add=BUILD
    )

    def search(queries: np.ndarray, k: int, width: int) -> np.ndarray:
        index.expansion_search = width
        return index.search(queries, k, threads=1).keys

    def add(vectors: np.ndarray, first: int) -> None:
        index.add(np.arange(first, first + len(vectors)), vectors, threads=1)

    return Index(add, search, index.save)


def hnswlib_hnsw(size: int, d: int) -> Index:
    index = importlib.import_module("hnswlib").Index("ip", d)
    index.init_index(size, M=LINKS, ef_construction=BUILD)

    def search(queries: np.ndarray, k: int, width: int) -> np.ndarray:
        index.set_ef(width)
        return index.knn_query(queries, k, num_threads=1)[0]

    def add(vectors: np.ndarray, first: int) -> None:
        rows = np.arange(first, first + len(vectors))
        index.add_items(vectors, rows, num_threads=1)

    return Index(add, search, index.save_index)


KINDS = {
    "usearch": usearch_hnsw,
    "faiss": faiss_hnsw,
    "faiss-lists": faiss_lists,
    "hnswlib": hnswlib_hnsw,
}


def vectors(source: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of items, and of some users."""
    rng = np.random.default_rng(0)
    if not source.isdigit():
        with np.load(source) as held:
            item, user = held["item"], held["user"]
        return item, user[rng.choice(len(user), QUERIES, replace=False)]
    centre = rng.standard_normal((1_000, 64), np.float32)

    def drawn(n: int) -> np.ndarray:
        near = centre[rng.integers(0, len(centre), n)]
        near = near + rng.standard_normal((n, 64), np.float32)
        return near * rng.lognormal(0, 0.3, (n, 1)).astype(np.float32) / 8

    return drawn(int(source)), drawn(QUERIES)


def lengthened(item: np.ndarray) -> np.ndarray:
    """Add a number to each vector so that all are as long as the longest."""
    square = (item**2).sum(axis=1)
    more = np.sqrt(np.maximum(square.max() - square, 0))
    return np.column_stack([item, more]).astype(np.float32)


def exact(item: np.ndarray, user: np.ndarray) -> np.ndarray:
    blocks = [user[a : a + 100] @ item.T for a in range(0, len(user), 100)]
    return np.concatenate([np.argpartition(-b, K, axis=1)[:, :K] for b in blocks])


def one(kind: str, source: str, wide: bool) -> dict[str, object]:
    item, user = vectors(source)
    truth = exact(item, user)
    if wide:
        item = lengthened(item)
        user = np.column_stack([user, np.zeros(len(user))]).astype(np.float32)
    before, start = _held(), time.process_time()
    index = KINDS[kind](len(item), item.shape[1])
    most = len(item) - 1_000
    index.add(item[:most], 0)
    built = time.process_time() - start
    index.add(item[most:], most)
    added = time.process_time() - start - built
    held, rows = _held() - before, []
    for width in WIDTHS:
        start = time.process_time()
        found = index.search(user, K, width)
        spent = (time.process_time() - start) / len(user)
        both = zip(found, truth, strict=True)
        share = np.mean([len(np.intersect1d(a, b)) / K for a, b in both])
        rows.append(
            {"width": width, "recall": round(float(share), 4), "ms": spent * 1e3}
        )
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "index"))
        index.save(path)
        size = Path(path).stat().st_size
    return {
        "index": kind,
        "vectors": list(item.shape),
        "lengthened": wide,
        "build_s": built,
        "add_s": added,
        "memory_mb": held,
        "file_mb": size / 1e6,
        "search": rows,
    }


def _held() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    source, out = sys.argv[1:3]
    if len(sys.argv) > 3:
        print(json.dumps(one(sys.argv[3], source, sys.argv[4] == "True")))
        return
    found = []
    for kind in KINDS:
        for wide in (False, True):
            call = [sys.executable, __file__, source, out, kind, str(wide)]
            run = subprocess.run(call, capture_output=True, text=True, check=True)
            found.append(json.loads(run.stdout))
            print(found[-1], flush=True)
    item, user = vectors(source)
    start = time.process_time()
    exact(item, user)
    whole = (time.process_time() - start) / len(user) * 1e3
    report = {"source": Path(source).name, "numpy_ms": whole, "runs": found}
    Path(out).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
