"""Indexes that are kept up with rows that grow, rather than made anew.

The values of one line share them. Whoever asks finds what an earlier value left and
adds what changed since, so an index costs what came in, also for a reader some values
behind the newest. Entries that an earlier value reads are never written otherwise: they
belong to slots, and slots do not change.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from operator import itemgetter
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float32, Int, Int32, Int64

from tidegraph.artifact.room import roomy
from tidegraph.graph.storage.active_nodes import (
    ActiveNodes,
    active_nodes,
    apart_from_newer,
    with_changes,
)
from tidegraph.graph.storage.has_edge import (
    NeighborIndex,
    neighbor_index_kept_up,
    sort_all_rows,
)
from tidegraph.graph.storage.row_bounds import RowBounds
from tidegraph.kernels.weighted_draw import (
    PrefixSums,
    add_up,
    note_negatives,
)

Index = TypeVar("Index")

_KEPT = 16
"""From so many values that asked last a reader behind the newest finds its own."""


class SlotRows(NamedTuple):
    """What an index is made from; see ``TemporalCSR``.

    Attributes:
        bounds: Where each node's row starts and stops.
        node: The other end.
        time: Seconds since ``base``; empty if untimed.
        base: A tick.
        edge: Number of each edge.
        weight: Strength by edge number; empty if each is 1.
        version: Number of the value in its line.
        used: How many slots are used; the rest of ``node`` is room.
    """

    bounds: RowBounds
    node: Int32[np.ndarray, " slots"]
    time: Int[np.ndarray, " times"]
    base: int
    edge: Int[np.ndarray, " slots"]
    weight: Float32[np.ndarray, " edges"]
    version: int
    used: int


class KeptIndex(Generic[Index]):
    """One index of a line of values, as of the last few that asked for it.

    Args:
        build: Makes it from the rows of one value.
        extend: Makes it from that of an earlier value, its bounds, and the rows.
        apart: Makes of it what can be extended beside the newer ones, if they write
            where it would.
    """

    def __init__(
        self,
        build: Callable[[SlotRows], Index],
        extend: Callable[[Index, RowBounds, SlotRows], Index],
        apart: Callable[[Index], Index] | None = None,
    ) -> None:
        self._build, self._extend, self._apart = build, extend, apart
        self._held: list[tuple[int, RowBounds, Index]] = []
        self._lock = Lock()
        self._wanted = 0.0

    def pays(self, share: float) -> bool:
        """Note that part of it is wanted; is it made, or does making it pay by now?

        Args:
            share: Which part of its slots somebody would read.
        """
        self._wanted += share
        return self.is_made or self._wanted >= 1

    @property
    def is_made(self) -> bool:
        """Has anybody asked for it?"""
        return bool(self._held)

    def of(self, rows: SlotRows) -> Index:
        """Return the index of the rows of a value."""
        with self._lock:
            at = bisect_right(self._held, rows.version, key=itemgetter(0))
            if at or not self._held:
                index = self._from_earlier(at, rows)
                self._held.insert(at, (rows.version, rows.bounds, index))
                del self._held[:-_KEPT]
                return index
        # Older than all that are held: it has to have one of its own.
        return self._build(rows)

    def _from_earlier(self, at: int, rows: SlotRows) -> Index:
        """Return the index of rows whose value comes after ``at`` of those held."""
        if not at:
            return self._build(rows)
        _, bounds, index = self._held[at - 1]
        if at < len(self._held) and self._apart is not None:
            index = self._apart(index)
        return self._extend(index, bounds, rows)


class Indexes:
    """The indexes of one line of values, each made when first asked for."""

    def __init__(self) -> None:
        self.neighbors: KeptIndex[NeighborIndex] = KeptIndex(
            _neighbor_index_of, _neighbor_index_on
        )
        self.active: KeptIndex[ActiveNodes] = KeptIndex(
            _active_nodes_of, _active_nodes_on, apart_from_newer
        )
        self.sums: KeptIndex[PrefixSums] = KeptIndex(_prefix_sums_of, _prefix_sums_on)
        self.least_weight: KeptIndex[tuple[int, float]] = KeptIndex(
            _least_weight_of, _least_weight_on
        )
        self.negatives: KeptIndex[Int64[np.ndarray, " room"]] = KeptIndex(
            _negatives_of, _negatives_on
        )
        self._by: dict[str, Indexes] = {}

    def __reduce__(self) -> tuple[object, ...]:
        """Copy and hand over nothing: they are made again when asked for."""
        return Indexes, ()

    def make(self, rows: SlotRows, like: "Indexes") -> None:
        """Make those that another line has, before somebody waits for them."""
        for mine, other in zip(self._all_kept, like._all_kept, strict=True):
            if other.is_made:
                mine.of(rows)

    @property
    def _all_kept(self) -> tuple[KeptIndex[Any], ...]:
        weights = (self.sums, self.least_weight, self.negatives)
        return self.neighbors, self.active, *weights

    @property
    def weighted_by(self) -> tuple[str, ...]:
        """The features that rows were weighed by, other than the usual one."""
        return tuple(self._by)

    def weighing(self, by: str) -> "Indexes":
        """Return the same indexes for edges whose weights are another feature."""
        if by not in self._by:
            other = Indexes()
            other.neighbors, other.active = self.neighbors, self.active
            self._by.setdefault(by, other)
        return self._by[by]


def _prefix_sums_of(rows: SlotRows) -> PrefixSums:
    sums = PrefixSums(_with_room(np.zeros(0), rows), _with_room(np.zeros(0), rows))
    start, stop = rows.bounds.whole
    add_up(start, start, stop, rows.edge, rows.weight, sums)
    return sums


def _prefix_sums_on(held: PrefixSums, before: RowBounds, rows: SlotRows) -> PrefixSums:
    """Return running sums with those of new slots."""
    sums = PrefixSums(*(_with_room(part, rows) for part in held))
    start, since, stop = _new_slots(before, rows.bounds)
    add_up(start, since, stop, rows.edge, rows.weight, sums)
    return sums


def _least_weight_of(rows: SlotRows) -> tuple[int, float]:
    return _least_weight_on((0, math.inf), rows.bounds, rows)


def _least_weight_on(
    held: tuple[int, float], _before: RowBounds, rows: SlotRows
) -> tuple[int, float]:
    """Return how many weights were looked at, and the least.

    Weights are those of all edges, be they seen in the rows or not.
    """
    seen, least = held
    return len(rows.weight), float(rows.weight[seen:].min(initial=least))


def _negatives_of(rows: SlotRows) -> Int64[np.ndarray, " room"]:
    latest, (start, stop) = _with_room(np.zeros(0, np.int64), rows), rows.bounds.whole
    note_negatives(start, start, stop, rows.edge, rows.weight, latest)
    return latest


def _negatives_on(
    held: Int64[np.ndarray, " held"], before: RowBounds, rows: SlotRows
) -> Int64[np.ndarray, " room"]:
    latest = _with_room(held, rows)
    start, since, stop = _new_slots(before, rows.bounds)
    note_negatives(start, since, stop, rows.edge, rows.weight, latest)
    return latest


def _new_slots(before: RowBounds, now: RowBounds) -> tuple[np.ndarray, ...]:
    """Return start, first new slot and stop of the rows that changed."""
    changed = now.changed_since(before)
    start, stop = now.at(changed)
    low, high = before.at(changed)
    # A row that moved is written anew.
    return start, np.where(start == low, high, start), stop


def _neighbor_index_of(rows: SlotRows) -> NeighborIndex:
    none = (rows.node[:0], rows.time[:0], np.zeros(0, np.int32))
    index = _neighbors_with_room(NeighborIndex(*none, rows.node, rows.time), rows)
    sort_all_rows(*rows.bounds.whole, index)
    return index


def _neighbor_index_on(
    held: NeighborIndex, before: RowBounds, rows: SlotRows
) -> NeighborIndex:
    index = _neighbors_with_room(held, rows)
    changed = rows.bounds.changed_since(before)
    neighbor_index_kept_up(*rows.bounds.at(changed), index)
    return index


def _neighbors_with_room(held: NeighborIndex, rows: SlotRows) -> NeighborIndex:
    return NeighborIndex(
        _with_room(held.node, rows),
        _with_room(held.time, rows) if len(rows.time) else held.time,
        _with_room(held.run, rows),
        rows.node,
        rows.time,
    )


def _active_nodes_of(rows: SlotRows) -> ActiveNodes:
    start, stop = rows.bounds.whole
    return active_nodes(start, stop, rows.time, rows.base, rows.edge)


def _active_nodes_on(
    held: ActiveNodes, before: RowBounds, rows: SlotRows
) -> ActiveNodes:
    changed = rows.bounds.changed_since(before)
    grown = with_changes(
        held,
        changed,
        before.at(changed),
        rows.bounds.at(changed),
        (rows.time, rows.base, rows.edge),
    )
    return grown if grown is not None else _active_nodes_of(rows)


def _with_room(held: np.ndarray, rows: SlotRows) -> np.ndarray:
    """Return an array with zeros behind, so that every slot used has an entry.

    Where the slots have room, so has it.
    """
    if len(held) >= rows.used:
        return held

    def make(size: int) -> np.ndarray:
        longer = np.zeros(size, held.dtype)
        longer[: len(held)] = held
        return longer

    return roomy(make, rows.used) if rows.used < len(rows.node) else make(rows.used)
