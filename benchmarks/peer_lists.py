"""Lists beside those of RecTools, LensKit, cornac and RecBole, where formulas are one.

Claims: on MovieLens-1M the top-10 of EASE, of 50 cosine neighbours and of all cosine
neighbours are those of the dense formula, ours and each peer's. A list is compared by
the scores of its items, place by place, since items of one score may stand either way
round; neighbours that tie at the fiftieth place are anyone's choice. RecTools' EASE
multiplies a history with the transposed weights, so it is held against those.
Run: TIDEGRAPH_DATA=folder python benchmarks/peer_lists.py PYTHON PYTHON_OF_RECBOLE
(see peers/*_lists.py for what each environment holds)
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from movielens import liked

import tidegraph as tg
from tidegraph.data.interactions import interactions

OUT = Path(__file__).parent / "results" / "peer_lists.json"
PEERS = Path(__file__).parent / "peers"
L2, NEIGHBORS, K = 250.0, 50, 10
TIE = 1e-4


def methods(items: int) -> dict[str, tg.EASE | tg.ItemKNN]:
    """Return our methods by the names that the peers' script gives theirs."""

    def neighbours(count: int) -> tg.ItemKNN:
        return tg.ItemKNN(
            neighbors=count,
            similarity=tg.Cosine(),
            shrinkage=0.0,
            half_life_days=None,
        )

    return {
        "EASE": tg.EASE(l2=L2, half_life_days=None),
        f"{NEIGHBORS} neighbours of each item of the history": neighbours(NEIGHBORS),
        "all neighbours": neighbours(items),
    }


def formulas(chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Return the scores, users x items, of each method by its dense formula."""
    gram = chosen.T @ chosen
    inverse = np.linalg.inv(gram + L2 * np.eye(len(gram)))
    ease = -inverse / np.diag(inverse)
    norms = np.sqrt(np.diag(gram))
    cosine = gram / np.outer(norms, norms)
    for square in (ease, cosine):
        np.fill_diagonal(square, 0)
    edge = np.partition(cosine, -NEIGHBORS, axis=1)[:, -NEIGHBORS, None]
    kept = np.where(cosine >= edge, cosine, 0)
    return {
        "EASE": chosen @ ease,
        "EASE, weights transposed": chosen @ ease.T,
        f"{NEIGHBORS} neighbours of each item of the history": chosen @ kept,
        "all neighbours": chosen @ cosine,
    }


def of_peer(python: str, peer: str, pairs: np.ndarray) -> dict[str, np.ndarray]:
    """Return the peer's lists of raw items, users in order of their ids."""
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "pairs.npy", Path(folder) / "lists.npz"
        np.save(given, pairs)
        subprocess.run(
            [python, PEERS / f"{peer}_lists.py", given, out],
            check=True,
            env=os.environ | {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"},
        )
        with np.load(out) as lists:
            return dict(lists)


def main() -> None:
    peers, of_recbole = sys.argv[1:3]
    rows = liked()
    log = interactions(rows["user"], rows["item"], rows["timestamp"].to_numpy())
    users, user = np.unique(np.asarray(log.users.ids)[log.user], return_inverse=True)
    items, item = np.unique(np.asarray(log.items.ids)[log.item], return_inverse=True)
    chosen = np.zeros((len(users), len(items)))
    chosen[user, item] = 1
    scores = formulas(chosen)
    best = {
        name: -np.sort(-np.where(chosen > 0, -np.inf, whole))[:, :K]
        for name, whole in scores.items()
    }

    def alike(name: str, lists: np.ndarray) -> int:
        """Return how many users' lists score as the best of the formula."""
        found = np.take_along_axis(scores[name], np.searchsorted(items, lists), 1)
        return int(np.isclose(found, best[name], rtol=TIE, atol=TIE).all(1).sum())

    same = {"tidegraph": {}}
    for name, method in methods(len(items)).items():
        frame = tg.recommend(method.fit(log), log, k=K, repeat=False)
        lists = frame.sort("user", "rank")["item"].to_numpy().reshape(len(users), K)
        same["tidegraph"][name] = alike(name, lists)
    pairs = np.stack([users[user], items[item]], axis=1)
    for peer in ("rectools", "lenskit", "cornac", "recbole"):
        python = of_recbole if peer == "recbole" else peers
        found = of_peer(python, peer, pairs)
        same[peer] = {name: alike(name, lists) for name, lists in found.items()}
    print(json.dumps(same, indent=1))
    result = {"users": len(users), "users whose list is the formula's": same}
    OUT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
