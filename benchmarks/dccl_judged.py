"""How far contenders of ``benchmarks/dccl.py`` and ``dccl_last.py`` are apart."""

import numpy as np
import polars as pl

BASE = "DIN, all"
"""With whom all others are compared, user by user."""


def gain(rank: np.ndarray) -> np.ndarray:
    """NDCG@10 of the one action of each list, by its rank from 0."""
    return np.where(rank < 10, 1 / np.log2(rank + 2), 0)


def judged(model, test) -> np.ndarray:
    """Rank of each action among its items, from 0; ties count half."""
    score = model.score(test.requests, test.candidates)
    present = test.candidates.present
    own = np.where(test.label > 0, score, -np.inf).max(axis=1, keepdims=True)
    above = ((score > own) & present).sum(axis=1)
    ties = ((score == own) & present).sum(axis=1) - 1
    return above + ties / 2


def apart(gap: np.ndarray, rng: np.random.Generator):
    """Mean of a gap by user, its 95 % interval, and p of signs drawn at random."""
    mean = float(gap.mean())
    flips = rng.choice([-1.0, 1.0], (2000, len(gap))) @ gap / len(gap)
    means = gap[rng.integers(0, len(gap), (2000, len(gap)))].mean(axis=1)
    p = float((np.abs(flips) >= abs(mean)).mean())
    return mean, np.quantile(means, [0.025, 0.975]).tolist(), p


def table(ranks: dict[str, np.ndarray], user: np.ndarray, others: np.ndarray) -> dict:
    """Metrics of each contender, and how sure each is apart from DIN on all."""
    out, rng = {}, np.random.default_rng(0)
    ndcg = {name: gain(rank) for name, rank in ranks.items()}

    def by_user(values):
        return pl.DataFrame({"u": user, "v": values}).group_by("u").mean().sort("u")

    base = by_user(ndcg[BASE])["v"].to_numpy()
    for name, rank in ranks.items():
        gap, interval, p = apart(by_user(ndcg[name])["v"].to_numpy() - base, rng)
        out[name] = {
            "HR@10": float((rank < 10).mean()),
            "NDCG@10": float(ndcg[name].mean()),
            "AUC": float(by_user(1 - rank / others)["v"].mean()),
            "NDCG@10 by user over DIN, all": gap,
            "95 % interval": interval,
            "p": p,
        }
    return out


def groups(ranks, user, rows, count=4):
    """NDCG@10 by how many rows a user's device has, fewest first."""
    out = {}
    held = rows[user]
    edges = np.quantile(held, np.linspace(0, 1, count + 1)[1:-1])
    group = np.searchsorted(edges, held, side="right")
    for name, rank in ranks.items():
        value = gain(rank)
        out[name] = [float(value[group == g].mean()) for g in range(count)]
    return out


def by_activity(ranks, done: np.ndarray, count: int) -> dict:
    """NDCG@10 of groups of as many users, those with fewest actions first."""
    parts = np.array_split(np.lexsort((np.arange(len(done)), done)), count)
    out = {"actions": [float(done[part].mean()) for part in parts]}
    for name, rank in ranks.items():
        out[name] = [float(gain(rank[part]).mean()) for part in parts]
    return out


def newcomers(ranks, test, early):
    """NDCG@10 of actions of users and on items the first half has, or has not."""
    new_user = ~np.isin(test.requests.user, early.user)
    new_item = ~np.isin(test.candidates.item, early.item) & (test.label > 0)
    new_item = new_item.any(axis=1)
    parts = {
        "neither": ~new_user & ~new_item,
        "new user": new_user,
        "new item": new_item,
    }
    out = {"actions": {part: int(some.sum()) for part, some in parts.items()}}
    for name, rank in ranks.items():
        value = gain(rank)
        out[name] = {
            part: float(value[some].mean())
            for part, some in parts.items()
            if some.any()
        }
    return out
