"""Parts of users and items that are judged apart: cold, by activity, the tail."""

import numpy as np
from jaxtyping import Bool, Float64, Int64

HEAD = 0.8
"""The most popular items that together hold this share of actions are the head."""

COLD = "cold users"
GROUPS = (COLD, "low activity", "middle activity", "high activity")
TAIL = "tail items"


def tail_items(popularity: Int64[np.ndarray, " items"]) -> Bool[np.ndarray, " items"]:
    """Return which items are not among the most popular that hold 80 % of actions.

    Of equally popular items the earlier rows come first.
    """
    order = np.argsort(-popularity, kind="stable")
    held = np.cumsum(popularity[order])
    head = int(np.count_nonzero(held < HEAD * popularity.sum())) + 1
    tail = np.ones(len(popularity), np.bool_)
    tail[order[:head]] = False
    return tail


def activity_groups(history: Float64[np.ndarray, " users"]) -> list[str]:
    """Return each user's group, by how much history they have.

    Without any they are cold; the others fall into thirds, cut so that users with
    equally much share a group.
    """
    warm = history[history > 0]
    cuts = np.quantile(warm, [1 / 3, 2 / 3]) if len(warm) else np.zeros(2)
    third = 1 + np.searchsorted(cuts, history, side="left").astype(np.int64)
    third[history == 0] = 0
    return [GROUPS[group] for group in third.tolist()]
