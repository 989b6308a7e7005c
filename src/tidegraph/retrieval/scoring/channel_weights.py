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
_SURE = 1.645
"""Standard errors below a mean where the truth is in 5 of 100 samples."""


class Weights(NamedTuple):
    """What each channel counts.

    Attributes:
        share: Of each channel, adding up to 1.
        lead: By how much at least, with 95 % confidence, the mean NDCG of the first
            twenty is above that of the channel over which this is least; 0 for a
            channel alone that is surely ahead of the others.
    """

    share: Float64[np.ndarray, " c"]
    lead: float


def learned_weights(
    lists: Int32[np.ndarray, "c b n"],
    gain: Float64[np.ndarray, "c b n"],
    relevant: ItemSets,
    at_least: float = 0.0,
) -> Weights:
    """Return the weights that are most surely behind no channel alone.

    The lead over each channel has a lower bound, of the paired differences of requests;
    the smallest of them is climbed one weight at a time, from each channel alone and
    all alike, and judged by lists as they would be served. So a channel that is surely
    best has all the weight, unless a sum is surely ahead of it, and channels that the
    requests cannot tell apart are combined. Others fill up what a channel alone leaves
    empty, so that requests that only one of them answers say nothing of the weights.

    Args:
        lists: Each channel's items for each request, each once, padded with -1.
        gain: What each channel adds to the score of an item, above 0, at weight 1.
        relevant: The distinct items that each request should find.
        at_least: How much of its share of the places a channel is sure of.
    """
    judge = _Judge.of(lists, gain, relevant, at_least)
    alone = np.stack([judge.each(one) for one in np.eye(len(lists))])
    starts = [np.full(len(lists), 1 / len(lists)), *np.eye(len(lists))]
    leads = [_least_lead(judge.each(weight), alone) for weight in starts]
    best = int(np.argmax(leads))
    weight, most = starts[best], leads[best]
    for _ in range(_ROUNDS):
        before = most
        for channel in range(len(lists)):
            for other in _neighboring_weights(weight, channel):
                lead = _least_lead(judge.each(other), alone)
                if lead > most:
                    weight, most = other, lead
        if most == before:
            break
    return Weights(weight, most)


def _least_lead(
    found: Float64[np.ndarray, " b"], alone: Float64[np.ndarray, "c b"]
) -> float:
    """Return the smallest lower bound of the mean lead over a channel."""
    lead = found - alone
    noise = _SURE * lead.std(axis=1) / np.sqrt(max(1, len(found)))
    return float((lead.mean(axis=1) - noise).min())


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
