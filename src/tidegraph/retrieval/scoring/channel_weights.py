"""Weights of channels, learnt from what users did next."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from tidegraph.kernels.jit import compiled
from tidegraph.kernels.ragged import starts
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
) -> Weights:
    """Return the weights of channels whose weighted sum ranks items highest.

    The mean NDCG of the first twenty is climbed one weight at a time, from the best of
    each channel alone and all alike; so no channel alone is better on these requests,
    and what is gained is gained by combining.

    Args:
        lists: Each channel's items for each request, each once, padded with -1.
        gain: What each channel adds to the score of an item, above 0, at weight 1.
        relevant: The distinct items that each request should find.
    """
    return _hill_climb(_Judge.of(lists, gain, relevant), len(lists))


def sure_weights(
    lists: Int32[np.ndarray, "c b n"],
    gain: Float64[np.ndarray, "c b n"],
    relevant: ItemSets,
) -> Weights:
    """Return learned weights, or the best channel alone if their lead over it is noise.

    Weights that were chosen among many lead on the requests that chose them, if by
    chance: the mean of paired differences must be above its 95 % interval.

    Args:
        lists: As of ``learned_weights``.
        gain: As there.
        relevant: As there.
    """
    judge, channels = _Judge.of(lists, gain, relevant), len(lists)
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
    """Says how high weighted sums rank the items that were to be found.

    Attributes:
        ptr: Where the items that some channel proposes to each request start.
        gain: What each channel gives each of them.
        wanted: Which of them were to be found.
        ideal: The DCG of each request if all that was to be found came first.
    """

    ptr: Int64[np.ndarray, " starts"]
    gain: Float64[np.ndarray, "pairs c"]
    wanted: Bool[np.ndarray, " pairs"]
    ideal: Float64[np.ndarray, " b"]

    @classmethod
    def of(
        cls,
        lists: Int32[np.ndarray, "c b n"],
        gain: Float64[np.ndarray, "c b n"],
        relevant: ItemSets,
    ) -> "_Judge":
        present: Bool[np.ndarray, "c b n"] = lists >= 0
        channel, row, _ = np.nonzero(present)
        size = int(max(lists.max(initial=0), relevant.item.max(initial=0))) + 1
        key, place = np.unique(row * size + lists[present], return_inverse=True)
        table = np.zeros((len(key), len(lists)))
        table[place, channel] = gain[present]
        ptr = starts(np.bincount(key // size, minlength=len(relevant)))
        proposed = ItemSets(ptr, (key % size).astype(np.int32))
        wanted = relevant.holds_each(proposed)
        # Where nothing was to be found any list has 0, and is divided by 1.
        ideal = ideal_discounted_gain(np.maximum(relevant.count, 1), _K)
        return cls(ptr, table, wanted, ideal)

    def each(self, weight: Float64[np.ndarray, " c"]) -> Float64[np.ndarray, " b"]:
        """Return the NDCG of the first twenty of each request."""
        score = self.gain @ weight
        out = np.zeros(len(self.ideal))
        _write_dcg(self.ptr, score, self.wanted, discounted_gains(_K), out)
        return out / self.ideal

    def ndcg(self, weight: Float64[np.ndarray, " c"]) -> float:
        """Return its mean."""
        return float(self.each(weight).mean())


@compiled
def _write_dcg(
    ptr: np.ndarray,
    score: np.ndarray,
    wanted: np.ndarray,
    worth: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the DCG of each request."""
    for row in range(out.size):
        low, high = ptr[row], ptr[row + 1]
        for p in range(low, high):
            if not wanted[p] or score[p] <= 0:
                continue
            # Of equals the item that is looked for comes last: luck is not learnt.
            rank = -1
            for q in range(low, high):
                rank += score[q] >= score[p]
            if rank < worth.size:
                out[row] += worth[rank]
