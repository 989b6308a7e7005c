"""Walks of length 20 by GRAPE (ensmallen), in an environment of its own.

Run: PYTHON_OF_ENSMALLEN benchmarks/peers/grape_walks.py GRAPH.npz WALKS
Prints steps per second of first-order and of second-order walks, as JSON.
"""

import csv
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ensmallen import Graph

LENGTH = 20


def load(path: str) -> Graph:
    held = np.load(path)
    rows = np.repeat(np.arange(len(held["indptr"]) - 1), np.diff(held["indptr"]))
    with tempfile.TemporaryDirectory() as folder:
        edges = Path(folder) / "edges.csv"
        with open(edges, "w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerow(["source", "target"])
            csv.writer(out).writerows(zip(rows, held["indices"], strict=True))
        return Graph.from_csv(
            edge_path=str(edges),
            edge_list_separator=",",
            edge_list_header=True,
            sources_column="source",
            destinations_column="target",
            directed=False,
            verbose=False,
        )


def rate(graph: Graph, walks: int, p: float, q: float) -> float:
    spent = []
    for seed in range(4):
        started = time.perf_counter()
        found = graph.complete_walks(
            walk_length=LENGTH + 1,
            return_weight=1 / p,
            explore_weight=1 / q,
            iterations=walks,
            random_state=seed,
        )
        spent.append(time.perf_counter() - started)
    return found.shape[0] * LENGTH / float(np.median(spent[1:]))


if __name__ == "__main__":
    graph, walks = load(sys.argv[1]), int(sys.argv[2])
    found = {
        "first_order": rate(graph, walks, 1.0, 1.0),
        "node2vec": rate(graph, walks, 0.5, 2.0),
    }
    print(json.dumps(found))
