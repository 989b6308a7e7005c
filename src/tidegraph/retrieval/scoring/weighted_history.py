"""Scores as sums of votes: each voter of a request votes for a few items."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from tidegraph.graph.storage.histories import Histories
from tidegraph.kernels.distinct_numbers import Few, are_few
from tidegraph.kernels.jit import compiled, over_rows, over_rows_in
from tidegraph.kernels.ragged import starts, starts_where
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.kernels.topk import offer_to_heap, sort_heap
from tidegraph.retrieval.scoring.decay import (
    add_halved,
    halvings,
    room_for_decayed_sums,
    room_for_sums,
    score_all_decayed,
    top_k_decayed,
)
from tidegraph.stages import NO_ITEM, Candidates, Choice, ItemSets, check_k
from tidegraph.stages.evidence import events_where


@dataclass(frozen=True, eq=False)
class WeightedHistory:
    """Who votes in each request, and with what weight.

    Attributes:
        ptr: Where each request's voters start.
        row: The row of votes of each voter. Of one that stands several times in a
            request only the last counts; one outside the votes has none.
        gain: What the voter's votes are multiplied with.
        halvings: How often the gain is then halved; None for never.
    """

    ptr: Int64[np.ndarray, " starts"]
    row: Int32[np.ndarray, " voters"]
    gain: Float32[np.ndarray, " voters"]
    halvings: Int64[np.ndarray, " voters"] | None = None

    @classmethod
    def of_history(
        cls, history: Histories, num_items: int, half_life_days: float | None
    ) -> "WeightedHistory":
        """Let each item of the history vote, the less the older its last choice.

        Args:
            history: What says that the requesters wanted an item; see
                ``Requests.positive``.
            num_items: Items from here on are unknown; they have no vote.
            half_life_days: Age, since the newest event of a known item, at which an
                item's vote counts half; None for never.
        """
        if half_life_days is None:
            gain = np.ones(len(history.node), np.float32)
            return cls(history.ptr, history.node, gain)
        history = events_where(
            history, (history.node >= 0) & (history.node < num_items)
        )
        gain, count = halvings(history, half_life_days)
        return cls(history.ptr, history.node, gain, count)

    @classmethod
    def alone(cls, row: Int32[np.ndarray, " requests"]) -> "WeightedHistory":
        """Let one vote in each request."""
        ptr = np.arange(len(row) + 1, dtype=np.int64)
        return cls(ptr, row, np.ones(len(row), np.float32))

    def of(self, kept: Bool[np.ndarray, " voters"]) -> "WeightedHistory":
        """Return some of the voters."""
        if bool(kept.all()):
            return self
        ptr = starts_where(self.ptr, kept)
        count = None if self.halvings is None else self.halvings[kept]
        return WeightedHistory(ptr, self.row[kept], self.gain[kept], count)

    def __len__(self) -> int:
        return len(self.ptr) - 1

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Starts, rows, gains and halvings, as kernels take them."""
        count = self.halvings
        if count is None:
            count = np.zeros(len(self.row), np.int64)
        return self.ptr, self.row, self.gain, count


def all_scores(
    voters: WeightedHistory, votes: SparseRows
) -> Float32[np.ndarray, "b items"]:
    """Return the sum of the votes for every item; ``-inf`` where nobody votes."""
    out = np.full((len(voters), votes.width), -np.inf, np.float32)
    if voters.halvings is not None:
        table = (votes.ptr, votes.column, votes.weight)
        over_rows_in(
            lambda: room_for_decayed_sums(len(votes), votes.width),
            lambda room, a, b: score_all_decayed(room, voters.arrays, table, out, a, b),
            len(voters),
            grain=16,
        )
        return out
    over_rows(
        lambda a, b: _all_scores(
            voters.ptr,
            voters.row,
            voters.gain,
            votes.ptr,
            votes.column,
            votes.weight,
            out,
            a,
            b,
        ),
        len(voters),
        grain=16,
    )
    return out


def top_k_of_sums(
    voters: WeightedHistory,
    votes: SparseRows,
    excluded: ItemSets,
    k: int,
    channel: str,
    choice: Choice | None = None,
) -> Candidates:
    """Return each request's ``k`` items with the highest sum of votes.

    Args:
        voters: Who votes.
        votes: For whom, a row per voter.
        excluded: Items to leave out.
        k: Length of the list; rows have ``min(k, items)`` columns.
        channel: The method's name.
        choice: The items that may be answered, in place of ``excluded``; all if none.

    Raises:
        RequestError: ``k`` is below 1.
    """
    if choice is not None:
        few = Few.of(voters.row[voters.row < len(votes)])
        some = votes.rows(few.number)
        voters = replace(voters, row=few.places(voters.row))
        found = top_k_of_sums(voters, choice.columns(some), choice.excluded, k, channel)
        return replace(found, item=choice.at(found.item))
    shape = (len(voters), min(check_k(k), votes.width))
    item = np.full(shape, NO_ITEM, np.int32)
    score = np.full(shape, -np.inf, np.float32)
    if not _are_few_votes(voters, votes):
        _write_top_k(voters, votes, excluded, item, score)
        return Candidates.of_channel(item, score, channel)
    # Only the rows that vote, and only the items that they vote for.
    few = Few.of(voters.row[voters.row < len(votes)])
    some = votes.rows(few.number)
    named = Few.of(some.column)
    some = replace(some, column=named.places(some.column), width=len(named))
    hidden = ItemSets(excluded.ptr, named.places(excluded.item))
    few_voters = replace(voters, row=few.places(voters.row))
    _write_top_k(few_voters, some, hidden, item, score)
    return Candidates.of_channel(named.at(item), score, channel)


def _are_few_votes(voters: WeightedHistory, votes: SparseRows) -> bool:
    """Return whether there are so few votes that room for each item takes longer."""
    if not are_few(len(voters.row), votes.width):
        return False
    row = voters.row[(voters.row >= 0) & (voters.row < len(votes))]
    return are_few(int((votes.ptr[row + 1] - votes.ptr[row]).sum()), votes.width)


def _write_top_k(
    voters: WeightedHistory,
    votes: SparseRows,
    excluded: ItemSets,
    item: Int32[np.ndarray, "b k"],
    score: Float32[np.ndarray, "b k"],
) -> None:
    """Write the items with the highest sums of votes, and the sums."""
    hidden = (excluded.ptr, excluded.item)
    if voters.halvings is not None:
        table = (votes.ptr, votes.column, votes.weight)
        over_rows_in(
            lambda: room_for_decayed_sums(len(votes), votes.width),
            lambda room, a, b: top_k_decayed(
                room, voters.arrays, table, hidden, item, score, a, b
            ),
            len(voters),
            grain=128,
        )
        return
    over_rows_in(
        lambda: room_for_sums(len(votes), votes.width, np.float32),
        lambda room, a, b: _top_k_rows(
            room,
            voters.ptr,
            voters.row,
            voters.gain,
            votes.ptr,
            votes.column,
            votes.weight,
            *hidden,
            item,
            score,
            a,
            b,
        ),
        len(voters),
        grain=128,
    )


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
    counted = np.full(vote_ptr.size - 1, -1, np.int64)
    for request in range(first, last):
        total = out[request]
        for h in range(ptr[request + 1] - 1, ptr[request] - 1, -1):
            v = row[h]
            if v < 0 or v >= counted.size or counted[v] == request:
                continue
            counted[v] = request
            for e in range(vote_ptr[v], vote_ptr[v + 1]):
                i = vote_item[e]
                vote = gain[h] * vote_weight[e]
                total[i] = vote if total[i] == -np.inf else total[i] + vote


@compiled
def _top_k_rows(
    room: tuple[np.ndarray, np.ndarray, np.ndarray],
    ptr: np.ndarray,
    row: np.ndarray,
    gain: np.ndarray,
    vote_ptr: np.ndarray,
    vote_item: np.ndarray,
    vote_weight: np.ndarray,
    hidden_ptr: np.ndarray,
    hidden_item: np.ndarray,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    counted, total, touched = room
    for request in range(first, last):
        count = 0
        for h in range(ptr[request + 1] - 1, ptr[request] - 1, -1):
            v = row[h]
            if v < 0 or v >= counted.size or counted[v] == request:
                continue
            counted[v] = request
            part = gain[h]
            for e in range(vote_ptr[v], vote_ptr[v + 1]):
                i = np.uint32(vote_item[e])
                so_far = total[i]
                fresh = so_far != so_far
                # Written without a branch, which would be guessed wrong too often.
                touched[count] = i
                count += fresh
                total[i] = (np.float32(0) if fresh else so_far) + part * vote_weight[e]
        for e in range(hidden_ptr[request], hidden_ptr[request + 1]):
            if 0 <= hidden_item[e] < total.size:
                total[hidden_item[e]] = np.nan
        items, scores, found = item[request], score[request], 0
        for t in range(count):
            i = touched[t]
            s = total[i]
            total[i] = np.nan
            if s == s and (found < items.size or s >= scores[0]):
                found = offer_to_heap(items, scores, found, i, float(s))
        sort_heap(items, scores, found)


def summed(
    history: Histories, num_items: int, half_life_days: float | None
) -> WeightedHistory:
    """Return the distinct known items of each history, weighing as their events do.

    They stand in the order of their last events.

    Args:
        history: The requesters' own events.
        num_items: Items from here on are unknown and left out.
        half_life_days: Age, since the newest event of a known item, at which an
            event counts half; None where age does not matter.
    """
    if half_life_days is not None:
        # Ages count from the newest event whose item is known.
        history = events_where(
            history, (history.node >= 0) & (history.node < num_items)
        )
        part, count = halvings(history, half_life_days)
        worth = history.weight * part
    else:
        worth, count = history.weight, np.zeros(len(history.node), np.int64)
    node, few = history.node, None
    if are_few(len(node), num_items):
        few = Few.of(node[node < num_items])
        node, num_items = few.places(node), len(few)
    size = np.zeros(len(history), np.int64)
    item = np.full(len(node), -1, np.int32)
    total, block = np.zeros(len(item)), np.zeros(len(item), np.int64)
    events = (history.ptr, node, worth, count)
    _sum_by_item(events, num_items, size, (item, total, block))
    kept = item >= 0
    item = item if few is None else few.at(item)
    ptr = starts(size)
    faded = None if half_life_days is None else block[kept]
    return WeightedHistory(ptr, item[kept], total[kept].astype(np.float32), faded)


@compiled
def _sum_by_item(
    history: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    width: int,
    size: np.ndarray,
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    ptr, node, worth, count = history
    item, total, block = out
    place = np.full(width, -1, np.int64)
    for row in range(ptr.size - 1):
        # Filled from the end, newest first, which leaves the newest last.
        at = ptr[row + 1]
        for h in range(ptr[row + 1] - 1, ptr[row] - 1, -1):
            i = node[h]
            if i < 0 or i >= width:
                continue
            if place[i] < 0:
                at -= 1
                place[i] = at
                item[at] = i
            add_halved(total, block, place[i], worth[h], count[h])
        size[row] = ptr[row + 1] - at
        for p in range(at, ptr[row + 1]):
            place[item[p]] = -1
