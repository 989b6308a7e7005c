"""Scores as sums of votes: each speaker of a request votes for a few items."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.compiled import compiled, over_rows
from tidegraph.errors import ConfigError
from tidegraph.graph.histories import Histories
from tidegraph.retrieval.rows import SparseRows
from tidegraph.retrieval.topk import drain, push
from tidegraph.stages import NO_ITEM, Candidates, Excluded, check_k

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, eq=False)
class Speakers:
    """Who speaks in each request, and how loud.

    Attributes:
        ptr: Where each request's speakers start.
        row: The row of votes of each speaker. Of one that stands several times in a
            request only the last counts; one outside the votes is silent.
        gain: What the speaker's votes are multiplied with.
    """

    ptr: Int64[np.ndarray, " starts"]
    row: Int32[np.ndarray, " speakers"]
    gain: Float32[np.ndarray, " speakers"]

    @classmethod
    def of_history(
        cls,
        history: Histories,
        time: Int64[np.ndarray, " b"],
        half_life_days: float | None,
    ) -> "Speakers":
        """Let each item of the history speak, quieter with its last event's age.

        Args:
            history: The requesters' own events.
            time: Unix seconds of each request.
            half_life_days: Age at which an item speaks half as loud; None for never.
        """
        if half_life_days is None:
            gain = np.ones(len(history.node), np.float32)
        else:
            gain = decay(history, time, half_life_days).astype(np.float32)
        return cls(history.ptr, history.node, gain)

    def __len__(self) -> int:
        return len(self.ptr) - 1


def checked_half_life(days: float) -> float:
    """Return a half-life if it is one.

    Raises:
        ConfigError: It is not above 0.
    """
    if not days > 0:
        raise ConfigError(f"half_life_days is {days}; it must be above 0, or left out.")
    return days


def decay(
    history: Histories, time: Int64[np.ndarray, " b"], half_life_days: float
) -> np.ndarray:
    """Return 0.5 to the power of each event's age in half-lives, in float64."""
    age = np.repeat(time, np.diff(history.ptr)) - history.time
    return np.exp2(-age / (half_life_days * SECONDS_PER_DAY))


def all_scores(speakers: Speakers, votes: SparseRows) -> Float32[np.ndarray, "b items"]:
    """Return the sum of the votes for every item; ``-inf`` where nobody speaks."""
    out = np.full((len(speakers), votes.width), -np.inf, np.float32)
    over_rows(
        lambda a, b: _all_scores(
            speakers.ptr,
            speakers.row,
            speakers.gain,
            votes.ptr,
            votes.column,
            votes.weight,
            out,
            a,
            b,
        ),
        len(speakers),
        grain=16,
    )
    return out


def elected(
    speakers: Speakers, votes: SparseRows, excluded: Excluded, k: int, channel: str
) -> Candidates:
    """Return each request's ``k`` items with the highest sum of votes.

    Args:
        speakers: Who votes.
        votes: For whom, a row per speaker.
        excluded: Items to leave out.
        k: Length of the list; rows have ``min(k, items)`` columns.
        channel: The method's name.

    Raises:
        RequestError: ``k`` is below 1.
    """
    shape = (len(speakers), min(check_k(k), votes.width))
    item = np.full(shape, NO_ITEM, np.int32)
    score = np.full(shape, -np.inf, np.float32)
    over_rows(
        lambda a, b: _elected(
            speakers.ptr,
            speakers.row,
            speakers.gain,
            votes.ptr,
            votes.column,
            votes.weight,
            votes.width,
            excluded.ptr,
            excluded.item,
            item,
            score,
            a,
            b,
        ),
        len(speakers),
        grain=128,
    )
    return Candidates.of_channel(item, score, channel)


@compiled
def _all_scores(
    ptr: np.ndarray,
    row: np.ndarray,
    gain: np.ndarray,
    vote_ptr: np.ndarray,
    vote_item: np.ndarray,
    vote_weight: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    met = np.full(vote_ptr.size - 1, -1, np.int64)
    for request in range(first, last):
        total = out[request]
        for h in range(ptr[request + 1] - 1, ptr[request] - 1, -1):
            v = row[h]
            if v < 0 or v >= met.size or met[v] == request:
                continue
            met[v] = request
            for e in range(vote_ptr[v], vote_ptr[v + 1]):
                i = vote_item[e]
                vote = gain[h] * vote_weight[e]
                total[i] = vote if total[i] == -np.inf else total[i] + vote


@compiled
def _elected(
    ptr: np.ndarray,
    row: np.ndarray,
    gain: np.ndarray,
    vote_ptr: np.ndarray,
    vote_item: np.ndarray,
    vote_weight: np.ndarray,
    width: int,
    hidden_ptr: np.ndarray,
    hidden_item: np.ndarray,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    met = np.full(vote_ptr.size - 1, -1, np.int64)
    # NaN marks an item nobody has spoken for; a sum of votes may be 0.
    total = np.full(width, np.nan, np.float32)
    touched = np.empty(width + 1, np.int32)
    for request in range(first, last):
        count = 0
        for h in range(ptr[request + 1] - 1, ptr[request] - 1, -1):
            v = row[h]
            if v < 0 or v >= met.size or met[v] == request:
                continue
            met[v] = request
            loud = gain[h]
            for e in range(vote_ptr[v], vote_ptr[v + 1]):
                i = np.uint32(vote_item[e])
                so_far = total[i]
                fresh = so_far != so_far
                # Written without a branch, which would be guessed wrong too often.
                touched[count] = i
                count += fresh
                total[i] = (np.float32(0) if fresh else so_far) + loud * vote_weight[e]
        for e in range(hidden_ptr[request], hidden_ptr[request + 1]):
            if 0 <= hidden_item[e] < width:
                total[hidden_item[e]] = np.nan
        items, scores, found = item[request], score[request], 0
        for t in range(count):
            i = touched[t]
            s = total[i]
            total[i] = np.nan
            if s == s and (found < items.size or s >= scores[0]):
                found = push(items, scores, found, i, float(s))
        drain(items, scores, found)
