"""The newest item of some users held out of training, which says when to stop."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from tidegraph.data.interactions import Interactions
from tidegraph.errors import DataError
from tidegraph.graph.rewriting.erasure import without_pairs
from tidegraph.retrieval.scoring.evidence import positive_events
from tidegraph.retrieval.scoring.trial import ndcg_of_one
from tidegraph.stages import FittedRetriever, Fold, Requests

USERS, K = 1000, 20
"""An item each of at most so many users is held out, and looked for among so many."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What training may learn from, and what it is then to find among all items.

    Attributes:
        known: The fold without the actions of what was held out, and without further
            edges between the same two from then on, such as views and impressions.
        requests: One for each user, after all that is known; what they know is left
            out of the answer.
        item: What was held out of each.
    """

    known: Fold
    requests: Requests
    item: Int32[np.ndarray, " b"]

    @classmethod
    def of(cls, fold: Fold, method: str, rng: np.random.Generator) -> "HeldOut":
        """Hold out the newest item of users who have others; any without times.

        Raises:
            DataError: Nobody has two items.
        """
        log = fold.events
        wanted = fold.view(positive_events)
        chosen = _newest(wanted, rng)
        users = np.unique(wanted.user[chosen])
        if not len(users):
            raise DataError(
                f"{method} holds an item of some users out to know when to stop, and "
                "nobody has two. Set patience to none, and it takes every epoch."
            )
        sample = np.zeros(len(log.users), np.bool_)
        sample[rng.permutation(users)[:USERS]] = True
        chosen = chosen[sample[wanted.user[chosen]]]
        user, item = wanted.user[chosen], wanted.item[chosen]
        found = np.full(len(log.users), -1, np.int64)
        found[user] = item
        since = np.zeros(len(found), np.int64)
        since[user] = wanted.time[chosen]
        edges = fold.edges
        if edges is not None:
            edges = without_pairs(edges, found, since)
        told = (log.label == 1) | (log.time >= since[log.user])
        known = Fold(log.take((found[log.user] != log.item) | ~told), edges=edges)
        time = np.full(len(user), log.time[-1] + 1, np.int64)
        requests = Requests.of_users(known.graph, user, time, repeat=False)
        return cls(known, requests, item)

    def ndcg(self, fitted: FittedRetriever) -> float:
        """Return the mean NDCG of the first 20, where the held out item is relevant."""
        found = fitted.retrieve(self.requests, K).item
        return float(ndcg_of_one(found, self.item).mean())


def _newest(log: Interactions, rng: np.random.Generator) -> Int32[np.ndarray, " n"]:
    """Return the row of the newest event of every user who has two items or more."""
    pair = np.unique(log.user.astype(np.int64) * len(log.items) + log.item)
    several = np.bincount(pair // len(log.items), minlength=len(log.users)) > 1
    order = np.arange(len(log))
    if log.clock == "none":
        order = rng.permutation(len(log))
    # The last of a user in this order is the one that stays.
    last = np.full(len(log.users), -1, np.int64)
    last[log.user[order]] = order
    return last[several & (last >= 0)].astype(np.int32)
