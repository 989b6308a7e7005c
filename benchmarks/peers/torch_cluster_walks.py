"""Walks of length 20 by torch_cluster, PyG's walker, in an environment of its own.

Run: PYTHON_OF_TORCH_CLUSTER benchmarks/peers/torch_cluster_walks.py GRAPH.npz WALKS
Prints steps per second of first-order and of second-order walks, as JSON.
"""

import json
import sys
import time

import numpy as np
import torch
import torch_cluster  # noqa: F401  (brings the operator)

LENGTH = 20


def rate(path: str, walks: int, p: float, q: float) -> float:
    held = np.load(path)
    ptr = torch.from_numpy(held["indptr"].astype(np.int64))
    node = torch.from_numpy(held["indices"].astype(np.int64))
    start = torch.arange(len(ptr) - 1).repeat(walks)
    spent = []
    for _ in range(6):
        started = time.perf_counter()
        found, _ = torch.ops.torch_cluster.random_walk(ptr, node, start, LENGTH, p, q)
        spent.append(time.perf_counter() - started)
    return found.shape[0] * LENGTH / float(np.median(spent[1:]))


if __name__ == "__main__":
    path, walks = sys.argv[1], int(sys.argv[2])
    found = {
        "first_order": rate(path, walks, 1.0, 1.0),
        "node2vec": rate(path, walks, 0.5, 2.0),
    }
    print(json.dumps(found))
