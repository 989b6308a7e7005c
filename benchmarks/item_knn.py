"""ItemKNN against implicit's CosineRecommender on MovieLens-1M.

Claims: same neighbours; fits no slower; top-10 for all users at least twice as fast.
Run: TIDEGRAPH_DATA=folder python benchmarks/item_knn.py
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from implicit.nearest_neighbours import CosineRecommender
from movielens import liked
from scipy import sparse

from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.jit import cpu_count
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.knn.similarity import Cosine
from tidegraph.stages import Requests

OUT = Path(__file__).parent / "results" / "item_knn.json"
NEIGHBORS = 50
ROUNDS = 9
TIE = 1e-6
METHOD = ItemKNN(neighbors=NEIGHBORS, similarity=Cosine(), shrinkage=0.0)


def movielens() -> Interactions:
    rows = liked()
    return interactions(rows["user"], rows["item"], rows["timestamp"].to_numpy())


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def check_same_neighbors(ours: sparse.csr_array, theirs: sparse.csr_matrix) -> None:
    """Both keep the same neighbours, where no tie at the edge leaves a choice."""
    a, b = ours.toarray(), theirs.toarray()
    np.fill_diagonal(b, 0)
    for kept, other in ((a, b), (b, a)):
        edge = np.partition(kept, -NEIGHBORS, axis=1)[:, -NEIGHBORS, None]
        sure = kept > edge + TIE
        np.testing.assert_allclose(kept[sure], other[sure], atol=TIE)


def main() -> None:
    log = movielens()
    matrix = Matrix.of(log)
    theirs_matrix = sparse.csr_matrix(matrix.csr()).astype(np.float64)
    users = np.arange(len(log.users), dtype=np.int32)
    end = np.full(len(users), log.time[-1] + 1)
    graph = Snapshot.of(log)
    requests = Requests.of_users(graph, users, end, repeat=False)

    # implicit counts an item among its own neighbours.
    theirs = CosineRecommender(K=NEIGHBORS + 1)
    theirs.fit(theirs_matrix, show_progress=False)
    ours = METHOD.fit(matrix)
    check_same_neighbors(ours.csr(), theirs.similarity)
    ours.retrieve(requests, 10)

    peer = CosineRecommender(K=NEIGHBORS)
    work = {
        "implicit_fit": lambda: peer.fit(theirs_matrix, show_progress=False),
        "tidegraph_fit": lambda: METHOD.fit(matrix),
        "implicit_top10": lambda: theirs.recommend(users, theirs_matrix, N=10),
        "tidegraph_top10": lambda: ours.retrieve(requests, 10),
        "tidegraph_histories": lambda: Requests.of_users(
            graph, users, end, repeat=False
        ),
    }
    runs: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, step in work.items():
            runs[name].append(seconds(step))
    middle = {name: median(times) for name, times in runs.items()}
    results = {
        "events": len(matrix.item),
        "users": len(users),
        "items": len(log.items),
        "neighbors": NEIGHBORS,
        "rounds": ROUNDS,
        "cores": cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "same_neighbors": True,
        "median_seconds": {name: round(value, 4) for name, value in middle.items()},
        "fit_speedup": round(middle["implicit_fit"] / middle["tidegraph_fit"], 2),
        "top10_speedup": round(middle["implicit_top10"] / middle["tidegraph_top10"], 2),
        "top10_speedup_with_histories": round(
            middle["implicit_top10"]
            / (middle["tidegraph_top10"] + middle["tidegraph_histories"]),
            2,
        ),
    }
    print(json.dumps(results, indent=1))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
