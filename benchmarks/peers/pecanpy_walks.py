"""Walks of length 20 by PecanPy, in an environment of its own.

Run: PYTHON_OF_PECANPY benchmarks/peers/pecanpy_walks.py GRAPH.npz WALKS
Prints steps per second of first-order and of second-order walks, as JSON.
"""

import json
import sys
import time

import numpy as np
from pecanpy import pecanpy

LENGTH = 20


def rate(mode: str, path: str, walks: int, p: float, q: float) -> float:
    graph = getattr(pecanpy, mode)(p=p, q=q, workers=2, verbose=False)
    graph.read_npz(path, weighted=False)
    graph.preprocess_transition_probs()
    graph.simulate_walks(num_walks=1, walk_length=2)
    spent = []
    for _ in range(3):
        started = time.perf_counter()
        found = graph.simulate_walks(num_walks=walks, walk_length=LENGTH)
        spent.append(time.perf_counter() - started)
    steps = sum(len(walk) - 1 for walk in found)
    return steps / float(np.median(spent))


if __name__ == "__main__":
    path, walks = sys.argv[1], int(sys.argv[2])
    found = {
        "first_order": rate("FirstOrderUnweighted", path, walks, 1.0, 1.0),
        "node2vec": rate("SparseOTF", path, walks, 0.5, 2.0),
    }
    print(json.dumps(found))
