"""Lists of EASE by cornac, in an environment of its own.

Needs cornac 2.2.
Run: PYTHON_OF_PEER benchmarks/peers/cornac_lists.py PAIRS.npy OUT.npz
Writes, for each method, an array users x 10 of items, best first.
"""

import sys

import numpy as np
from cornac.data import Dataset
from cornac.models import EASE

L2 = 250.0
K = 10


def lists_of(pairs: np.ndarray) -> dict[str, np.ndarray]:
    data = Dataset.from_uir([(int(user), int(item), 1.0) for user, item in pairs])
    model = EASE(lamb=L2, posB=False, verbose=False).fit(data)
    users = np.unique(pairs[:, 0])
    rows = [
        model.recommend(int(user), k=K, remove_seen=True, train_set=data)
        for user in users
    ]
    return {"EASE": np.array(rows)}


if __name__ == "__main__":
    np.savez(sys.argv[2], **lists_of(np.load(sys.argv[1])))
