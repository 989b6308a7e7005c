"""Lists of EASE and of cosine neighbours by LensKit 2025.8, in its own environment.

Needs lenskit 2025.8.
Run: PYTHON_OF_PEER benchmarks/peers/lenskit_lists.py PAIRS.npy OUT.npz
Writes, for each method, an array users x 10 of items, best first.
"""

import sys

import numpy as np
import pandas as pd
from lenskit.data import ItemList, RecQuery, from_interactions_df
from lenskit.knn import EASEScorer, ItemKNNScorer

L2 = 250.0
K = 10


def lists_of(pairs: np.ndarray) -> dict[str, np.ndarray]:
    frame = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    data = from_interactions_df(frame)
    items = np.unique(pairs[:, 1])
    models = {
        "EASE": EASEScorer(regularization=L2),
        "all neighbours": ItemKNNScorer(
            max_nbrs=len(items), feedback="implicit", min_sim=1e-12
        ),
    }
    lists = {}
    for name, model in models.items():
        model.train(data)
        rows = []
        for user, history in frame.groupby("user_id")["item_id"]:
            query = RecQuery(user_id=user, user_items=ItemList(history.to_numpy()))
            left = np.setdiff1d(items, history)
            scores = model(query, ItemList(left)).scores()
            scores = np.where(np.isnan(scores), -np.inf, scores)
            rows.append(left[np.argsort(-scores, kind="stable")[:K]])
        lists[name] = np.array(rows)
    return lists


if __name__ == "__main__":
    np.savez(sys.argv[2], **lists_of(np.load(sys.argv[1])))
