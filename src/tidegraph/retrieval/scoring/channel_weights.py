"""Weights of channels, learnt from what users did next."""

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

_FACTORS = (0.0, 0.25, 0.5, 0.8, 1.25, 2.0, 4.0)
_ROUNDS = 10
_K = 20


def learned_weights(
    lists: Int32[np.ndarray, "c b n"],
    gain: Float64[np.ndarray, "c b n"],
    item: Int32[np.ndarray, " b"],
) -> Float64[np.ndarray, " c"]:
    """Return the weights of channels whose weighted sum ranks items highest.

    The mean NDCG of the first twenty is climbed one weight at a time, from the best of
    each channel alone and all alike; so no channel alone is better on these requests,
    and what is gained is gained by combining. Weights add up to 1.

    Args:
        lists: Each channel's items for each request, each once, padded with -1.
        gain: What each channel adds to the score of an item, above 0, at weight 1.
        item: The item that each request should find.
    """
    judge = _Judge.of(lists, gain, item)
    channels = len(lists)
    starts = [np.full(channels, 1 / channels), *np.eye(channels)]
    worth = [judge.ndcg(weight) for weight in starts]
    best = int(np.argmax(worth))
    weight, most = starts[best], worth[best]
    for _ in range(_ROUNDS):
        before = most
        for channel in range(channels):
            for other in _moves(weight, channel):
                value = judge.ndcg(other)
                if value > most:
                    weight, most = other, value
        if most == before:
            break
    return weight


def _moves(
    weight: Float64[np.ndarray, " c"], channel: int
) -> list[Float64[np.ndarray, " c"]]:
    """Return the weights with another one for a channel, each adding up to 1."""
    base = weight[channel] or 0.1 * weight.max()
    moved: list[Float64[np.ndarray, " c"]] = []
    for factor in (*_FACTORS, 1.0):
        other = weight.copy()
        other[channel] = base * factor
        if other.sum() > 0:
            moved.append(other / other.sum())
    return moved


class _Judge:
    """Says how high weighted sums rank the items that were to be found.

    Args:
        gain: What each channel gives each item of each request, a row per pair.
        owner: The request of each pair.
        target: The pair of the item that a request should find.
        found: The requests that have such a pair.
        requests: How many requests there are.
    """

    def __init__(
        self,
        gain: Float64[np.ndarray, "pairs c"],
        owner: Int64[np.ndarray, " pairs"],
        target: Int64[np.ndarray, " found"],
        requests: int,
    ) -> None:
        self._gain, self._owner, self._target = gain, owner, target
        self._requests = requests

    @classmethod
    def of(
        cls,
        lists: Int32[np.ndarray, "c b n"],
        gain: Float64[np.ndarray, "c b n"],
        item: Int32[np.ndarray, " b"],
    ) -> "_Judge":
        channels, requests, _ = lists.shape
        present: Bool[np.ndarray, "c b n"] = lists >= 0
        channel, row, _ = np.nonzero(present)
        size = int(lists.max(initial=0)) + 1
        key, place = np.unique(row * size + lists[present], return_inverse=True)
        table = np.zeros((len(key), channels))
        table[place, channel] = gain[present]
        owner, named = np.divmod(key, size)
        # Only requests whose item some channel found can be told apart.
        hit = named == item[owner]
        kept = np.zeros(requests, np.bool_)
        kept[owner[hit]] = True
        inside = kept[owner]
        number = np.cumsum(kept) - 1
        return cls(
            table[inside], number[owner[inside]], np.flatnonzero(hit[inside]), requests
        )

    def ndcg(self, weight: Float64[np.ndarray, " c"]) -> float:
        """Return the mean NDCG of the first twenty; one item is relevant in each."""
        score = self._gain @ weight
        mine = score[self._target]
        # Of equals the item that is looked for comes last: luck is not learnt.
        ahead = (score >= mine[self._owner]) & (score > 0)
        rank = np.bincount(self._owner[ahead], minlength=len(mine)) - 1
        counted = (mine > 0) & (rank < _K)
        return float((1 / np.log2(rank[counted] + 2)).sum()) / self._requests
