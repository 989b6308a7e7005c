"""Lists of EASE by RecTools and of cosine neighbours by implicit, which it wraps.

Needs rectools 0.19.
Run: PYTHON_OF_PEER benchmarks/peers/rectools_lists.py PAIRS.npy OUT.npz
Writes, for each method, an array users x 10 of items, best first.
"""

import sys

import numpy as np
import pandas as pd
from implicit.nearest_neighbours import CosineRecommender
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import EASEModel, ImplicitItemKNNWrapperModel

L2 = 250.0
NEIGHBORS = 50
K = 10


def lists_of(pairs: np.ndarray) -> dict[str, np.ndarray]:
    frame = pd.DataFrame(pairs, columns=[Columns.User, Columns.Item])
    frame[Columns.Weight] = 1.0
    frame[Columns.Datetime] = pd.Timestamp("2000-01-01")
    data = Dataset.construct(frame)
    users = np.unique(pairs[:, 0])
    models = {
        "EASE, weights transposed": EASEModel(regularization=L2),
        f"{NEIGHBORS} neighbours of each item of the history": (
            ImplicitItemKNNWrapperModel(CosineRecommender(K=NEIGHBORS + 1))
        ),
    }
    lists = {}
    for name, model in models.items():
        found = model.fit(data).recommend(users, data, K, filter_viewed=True)
        found = found.sort_values([Columns.User, Columns.Rank])
        lists[name] = found[Columns.Item].to_numpy().reshape(len(users), K)
    return lists


if __name__ == "__main__":
    np.savez(sys.argv[2], **lists_of(np.load(sys.argv[1])))
