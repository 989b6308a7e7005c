"""Epochs of BPR by implicit, in an environment of its own.

Run: PYTHON_OF_IMPLICIT benchmarks/peers/implicit_bpr.py PAIRS.npz SIZE EPOCHS THREADS
PAIRS holds ``user`` and ``item``. Prints seconds of wall and processor time of an
epoch, as JSON.
"""

import json
import sys
import time

import numpy as np
import scipy.sparse as sp
from implicit.cpu.bpr import BayesianPersonalizedRanking


def spent(pairs: sp.csr_matrix, size: int, epochs: int, threads: int) -> list[float]:
    model = BayesianPersonalizedRanking(
        factors=size, iterations=epochs, num_threads=threads, random_state=1
    )
    started, used = time.perf_counter(), time.process_time()
    model.fit(pairs, show_progress=False)
    return [time.perf_counter() - started, time.process_time() - used]


def main() -> None:
    held = np.load(sys.argv[1])
    size, epochs, threads = map(int, sys.argv[2:5])
    ones = np.ones(len(held["user"]), np.float32)
    pairs = sp.csr_matrix((ones, (held["user"], held["item"])))
    # What is done once, such as drawing the first vectors, is not an epoch.
    few, many = (spent(pairs, size, n, threads) for n in (1, 1 + epochs))
    wall, processor = ((b - a) / epochs for a, b in zip(few, many, strict=True))
    print(json.dumps({"seconds": wall, "processor_seconds": processor}))


if __name__ == "__main__":
    main()
