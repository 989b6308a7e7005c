"""Weights of channels, learnt from what users did next."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from tidegraph.kernels.jit import compiled
from tidegraph.kernels.ragged import starts
from tidegraph.retrieval.scoring.fusion import FILLS, kept_places
from tidegraph.stages import ItemSets
from tidegraph.stages.dcg import discounted_gains, ideal_discounted_gain

_FACTORS = (0.0, 0.25, 0.5, 0.8, 1.25, 2.0, 4.0)
_ROUNDS = 10
_K = 20


class Weights(NamedTuple):
    """What each channel counts.

    Attributes:
        share: Of each channel, adding up to 1.
        ndcg: The mean NDCG of the first twenty that they were chosen by.
    """

    share: Float64[np.ndarray, " c"]
    ndcg: float


def learned_weights(
    lists: Int32[np.ndarray, "c b n"],
    gain: Float64[np.ndarray, "c b n"],
    relevant: ItemSets,
    at_least: float = 0.0,
) -> Weights:
    """Return the weights of channels whose weighted sum ranks items highest.

    The mean NDCG of the first twenty, as they would be served, is climbed one weight at
    a time, from the best of each channel alone and all alike; so no channel alone is
    better on these requests, and what is gained is gained by combining. Others fill up
    what a channel alone leaves empty, so that requests that only one of them answers
    say nothing of the weights.

    Args:
        lists: Each channel's items for each request, each once, padded with -1.
        gain: What each channel adds to the score of an item, above 0, at weight 1.
        relevant: The distinct items that each request should find.
        at_least: How much of its share of the places a channel is sure of.
    """
    return _hill_climb(_Judge.of(lists, gain, relevant, at_least), len(lists))


def sure_weights(
    lists: Int32[np.ndarray, "c b n"],
    gain: Float64[np.ndarray, "c b n"],
    relevant: ItemSets,
    at_least: float = 0.0,
) -> Weights:
    """Return learned weights, or the best channel alone if their lead over it is noise.

    Weights that were chosen among many lead on the requests that chose them, if by
    chance: the mean of paired differences must be above its 95 % interval.

    Args:
        lists: As of ``learned_weights``.
        gain: As there.
        relevant: As there.
        at_least: As there.
    """
    judge, channels = _Judge.of(lists, gain, relevant, at_least), len(lists)
    learned = _hill_climb(judge, channels)
    alone = [judge.each(one) for one in np.eye(channels)]
    best = int(np.argmax([found.mean() for found in alone]))
    lead = judge.each(learned.share) - alone[best]
    noise = 1.96 * lead.std() / np.sqrt(len(lead))
    if lead.mean() > noise or not alone[best].any():
        return learned
    return Weights(np.eye(channels)[best], float(alone[best].mean()))


def _hill_climb(judge: "_Judge", channels: int) -> Weights:
    starts = [np.full(channels, 1 / channels), *np.eye(channels)]
    worth = [judge.ndcg(weight) for weight in starts]
    best = int(np.argmax(worth))
    weight, most = starts[best], worth[best]
    for _ in range(_ROUNDS):
        before = most
        for channel in range(channels):
            for other in _neighboring_weights(weight, channel):
                value = judge.ndcg(other)
                if value > most:
                    weight, most = other, value
        if most == before:
            break
    return Weights(weight, most)


def _neighboring_weights(
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


@dataclass(frozen=True, eq=False)
class _Judge:
    """Says how high lists by weighted sums, as served, rank what was to be found.

    Requests for which no channel proposes anything that is wanted find nothing by any
    weights, and are only counted.

    Attributes:
        found: Which requests the others are.
        ptr: Where the items that some channel proposes to each of these start.
        gain: What each channel gives each of them.
        rank: Its place in the list of each channel, from 0; behind the list that is
            judged if it is not there.
        wanted: Which of them were to be found.
        ideal: The DCG of each request if all that was to be found came first.
        at_least: How much of its share of the places a channel is sure of.
    """

    found: Int64[np.ndarray, " found"]
    ptr: Int64[np.ndarray, " starts"]
    gain: Float64[np.ndarray, "pairs c"]
    rank: Int32[np.ndarray, "pairs c"]
    wanted: Bool[np.ndarray, " pairs"]
    ideal: Float64[np.ndarray, " b"]
    at_least: float

    @classmethod
    def of(
        cls,
        lists: Int32[np.ndarray, "c b n"],
        gain: Float64[np.ndarray, "c b n"],
        relevant: ItemSets,
        at_least: float = 0.0,
    ) -> "_Judge":
        present: Bool[np.ndarray, "c b n"] = lists >= 0
        channel, row, place = np.nonzero(present)
        size = int(max(lists.max(initial=0), relevant.item.max(initial=0))) + 1
        key, pair = np.unique(row * size + lists[present], return_inverse=True)
        table = np.zeros((len(key), len(lists)))
        table[pair, channel] = gain[present]
        rank = np.full(table.shape, _K, np.int32)
        rank[pair, channel] = place
        owner = key // size
        ptr = starts(np.bincount(owner, minlength=len(relevant)))
        proposed = ItemSets(ptr, (key % size).astype(np.int32))
        wanted = relevant.holds_each(proposed)
        found = np.unique(owner[wanted])
        kept = np.isin(owner, found)
        ptr = starts(np.bincount(owner[kept], minlength=len(relevant))[found])
        # Where nothing was to be found any list has 0, and is divided by 1.
        ideal = ideal_discounted_gain(np.maximum(relevant.count, 1), _K)
        parts = table[kept], rank[kept], wanted[kept]
        return cls(found, ptr, *parts, ideal, at_least)

    def each(self, weight: Float64[np.ndarray, " c"]) -> Float64[np.ndarray, " b"]:
        """Return the NDCG of the first twenty of each request."""
        score = self.gain @ np.maximum(weight, FILLS)
        sure = np.any(self.rank < kept_places(weight, self.at_least, _K), axis=1)
        dcg, out = np.zeros(len(self.found)), np.zeros(len(self.ideal))
        _write_dcg(self.ptr, score, sure, self.wanted, discounted_gains(_K), dcg)
        out[self.found] = dcg
        return out / self.ideal

    def ndcg(self, weight: Float64[np.ndarray, " c"]) -> float:
        """Return its mean."""
        return float(self.each(weight).mean())


@compiled
def _write_dcg(
    ptr: np.ndarray,
    score: np.ndarray,
    sure: np.ndarray,
    wanted: np.ndarray,
    worth: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the DCG of each request, in whose list the sure items are, and the best."""
    for row in range(out.size):
        low, high = ptr[row], ptr[row + 1]
        others = worth.size
        for p in range(low, high):
            others -= sure[p]
        for p in range(low, high):
            if not wanted[p]:
                continue
            # Of equals the item that is looked for comes last: luck is not learnt.
            above_sure, above = 0, 0
            for q in range(low, high):
                if q != p and score[q] >= score[p]:
                    above_sure += sure[q]
                    above += not sure[q]
            if sure[p] or above < others:
                out[row] += worth[above_sure + min(above, others)]
