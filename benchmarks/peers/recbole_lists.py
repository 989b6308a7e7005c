"""Lists of EASE and of cosine neighbours by RecBole, in an environment of its own.

Needs recbole 1.2.1, numpy 1.26, scipy 1.12, pandas below 3, and
TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1.
Run: PYTHON_OF_PEER benchmarks/peers/recbole_lists.py PAIRS.npy OUT.npz
Writes, for each method, an array users x 10 of items, best first.
"""

import sys
import tempfile

import numpy as np
import torch
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender import EASE, ItemKNN
from recbole_log import configured

L2 = 250.0
K = 10


def lists_of(pairs: np.ndarray) -> dict[str, np.ndarray]:
    lists = {}
    for name, kind, settings in (
        ("EASE", EASE, {"reg_weight": L2}),
        ("all neighbours", ItemKNN, {"k": len(np.unique(pairs[:, 1])), "shrink": 0}),
    ):
        with tempfile.TemporaryDirectory() as folder:
            config = configured(kind, pairs, folder, settings)
            data = create_dataset(config)
            train, _, _ = data_preparation(config, data)
            model = kind(config, train.dataset)
        inner = data.token2id("user_id", np.unique(pairs[:, 0]).astype(str))
        scores = model.full_sort_predict({"user_id": torch.from_numpy(inner)})
        scores = np.asarray(scores).reshape(len(inner), -1)
        scores[:, 0] = -np.inf  # its padding
        scores[data.inter_matrix(form="csr")[inner].nonzero()] = -np.inf
        found = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        lists[name] = data.id2token("item_id", found).astype(np.int64)
    return lists


if __name__ == "__main__":
    np.savez(sys.argv[2], **lists_of(np.load(sys.argv[1])))
