"""Rows that grow: new edges go behind the old, where no earlier value looks.

A value of ``TemporalCSR`` says where each row starts and stops in shared arrays. Behind
a row there may be room, and behind all rows there is more. Appending writes only where
no row of an earlier value reaches: after the row's end, or into a copy of the row that
is twice as long. So a reader keeps what it has, without a lock, and a row costs O(1)
per edge to grow.
"""

from threading import Lock, Thread
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32, Int64

from tidegraph.artifact.room import is_mapped, roomy, with_room
from tidegraph.graph.storage.row_bounds import Journal, RowBounds
from tidegraph.kernels.distinct_numbers import Few
from tidegraph.kernels.jit import compiled, sealed
from tidegraph.small_arrays import never_fall

_LEAST_ROOM = 4
_SPARE = 0.5
"""Room to grow that each row of a copy gets, so that it does not move at once."""
_LEAST_CHANGES = 4096
_MORE_NODES = 2
"""A journal takes nodes up to so many times those there are when it begins."""
_BATCHES = 8
"""A journal takes so many more of the changes that it begins with."""
_MANY_NODES = 1 << 14
"""Writing down the bounds of so many takes a while; it is done ahead, beside."""
_NOBODY = -1


class Slots(NamedTuple):
    """The edges of all rows, in shared arrays.

    Attributes:
        node: The other end of each edge.
        time: Seconds since some base; empty if untimed.
        edge: Number of each edge.
    """

    node: Int32[np.ndarray, " slots"]
    time: Int[np.ndarray, " times"]
    edge: Int[np.ndarray, " slots"]


class New(NamedTuple):
    """Edges to add.

    Attributes:
        source: Node of each edge.
        target: Its other end.
        time: Seconds since the base of the rows; empty if untimed.
        edge: Its number.
    """

    source: Int32[np.ndarray, " new"]
    target: Int32[np.ndarray, " new"]
    time: Int64[np.ndarray, " times"]
    edge: Int64[np.ndarray, " new"]

    def in_order(self) -> "New":
        """Return them in time order, those of one second as they come."""
        if never_fall(self.time):
            return self
        order = np.argsort(self.time, kind="stable")
        return New(*(part[order] for part in self))


class Arena:
    """What the next to append to a line of values needs to know.

    Only the newest value of a line may be written on. All arrays here are the writer's
    own; readers have the bounds and the journal. A row that nobody has appended to yet
    stands in the bounds alone: its limit is 0 here.

    Args:
        num_nodes: How many rows there are.
        tail: The first free slot behind all rows.
        version: Number of the newest value.
    """

    def __init__(self, num_nodes: int, tail: int, version: int) -> None:
        # Zeros that nobody has written on take neither time nor memory.
        self.start, self.stop, self.limit = roomy(_zeros_for_rows, num_nodes)
        self.journal: Journal | None = None
        self.ahead: RowBounds | None = None
        self.tail = tail
        self.newest = version
        self.lock = Lock()

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where each row starts, stops, and where its room ends."""
        return self.start, self.stop, self.limit

    def widen(self, num_nodes: int) -> None:
        """Make room for more nodes, which have no edges yet."""
        if num_nodes > len(self.start):
            held, wider = self.rows, roomy(_zeros_for_rows, num_nodes)
            for before, after in zip(held, wider, strict=True):
                after[: len(before)] = before
            self.start, self.stop, self.limit = wider

    @property
    def has_bounds_ahead(self) -> bool:
        """Are the bounds of all rows written down, to begin another journal from?"""
        return self.ahead is not None and "whole" in vars(self.ahead)


def _zeros_for_rows(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64)


def append_to_rows(
    bounds: RowBounds,
    slots: Slots,
    new: New,
    num_nodes: int,
    arena: Arena | None,
    version: int,
) -> tuple[RowBounds, Slots, Arena]:
    """Return the rows with new edges, each after the edges of its second.

    Args:
        bounds: Where the rows are; they do not change.
        slots: What stands there; it does not change there.
        new: What to add, in time order.
        num_nodes: How many rows there are then; at least as many as now.
        arena: Who may write behind the rows; none if they were never grown.
        version: The number of these rows in their line.

    Returns:
        The longer rows, and the arena in which they are the newest.
    """
    if arena is not None:
        with arena.lock:
            if arena.newest == version:
                return *_append_with_room(bounds, slots, new, num_nodes, arena), arena
    # Nobody has written behind these rows, or others do: write behind a copy of them,
    # without what others have written. Those of a file are not copied but mapped again.
    held = len(slots.node)
    # Without edges, nothing says yet whether they have times.
    if held and is_mapped(slots.node):
        slots = _slots_with_room(slots, held, held + _LEAST_CHANGES, new)
        arena = Arena(len(bounds), held, version)
    else:
        bounds, slots, arena = rows_laid_out(bounds, slots, _SPARE)
        arena.newest = version
    return *_append_with_room(bounds, slots, new, num_nodes, arena), arena


def rows_laid_out(
    bounds: RowBounds, slots: Slots, spare: float
) -> tuple[RowBounds, Slots, Arena]:
    """Return rows of edges one behind the other, on the calling thread, by kernels.

    Args:
        bounds: Where the rows are.
        slots: What stands there.
        spare: Room to grow that each row gets, as a share of its length.
    """
    start, stop = bounds.whole
    length = stop - start
    room = length + np.ceil(length * spare).astype(np.int64)
    limit = np.cumsum(room)
    size = int(limit[-1]) if len(limit) else 0
    timed = len(slots.time) > 0

    def make(whole: int) -> Slots:
        return Slots(
            np.empty(whole, slots.node.dtype),
            np.empty(whole if timed else 0, slots.time.dtype),
            np.empty(whole, slots.edge.dtype),
        )

    moved = roomy(make, size) if spare else make(size)
    first = limit - room
    _move_rows(start, length, first, slots, moved)
    laid, arena = RowBounds.of(first, first + length), Arena(len(first), size, 0)
    for held, rows in zip(arena.rows, (first, laid.last, limit), strict=True):
        held[: len(rows)] = rows
    return laid, moved, arena


def _append_with_room(
    bounds: RowBounds, slots: Slots, new: New, num_nodes: int, arena: Arena
) -> tuple[RowBounds, Slots]:
    version, arena.newest = arena.newest, _NOBODY
    arena.widen(num_nodes)
    new = New(*sealed(*new))
    shared, done = arena.tail, 0
    while True:
        held = (bounds.first, bounds.last)
        done, arena.tail = _append_while_room(
            arena.rows, held, slots, new, done, arena.tail, shared
        )
        if done == len(new.source):
            break
        row = new.source[done]
        room = 2 * int(arena.stop[row] - arena.start[row]) + _LEAST_ROOM
        slots = _slots_with_room(slots, arena.tail, arena.tail + room, new)
    grown = _bounds_after(bounds, new.source, num_nodes, arena)
    # Only now, so that rows half written by a failure are nobody's to write on.
    arena.newest = version + 1
    return grown, slots


def _bounds_after(
    bounds: RowBounds, nodes: Int32[np.ndarray, " new"], num_nodes: int, arena: Arena
) -> RowBounds:
    """Return the bounds of rows after some nodes changed, as the writer has them."""
    journal = arena.journal
    if arena.has_bounds_ahead:
        journal = None
    if journal is not None and journal.takes(num_nodes, len(nodes)):
        journal.add(nodes, (arena.start, arena.stop))
        now = RowBounds(bounds.first, bounds.last, num_nodes, journal, journal.used)
        if arena.ahead is None and num_nodes > _MANY_NODES and journal.is_nearly_full:
            arena.ahead = now
            Thread(target=lambda: now.whole, daemon=True).start()
        return now
    # Beginning another takes as long as there are nodes, unless their bounds were
    # written down; half as many changes, or several like these, come before the next.
    base = bounds if arena.ahead is None else arena.ahead
    start, stop = base.whole
    nodes = Few.of(bounds.changed_since(base), nodes).number
    room = len(nodes) + max(_LEAST_CHANGES, num_nodes // 2, _BATCHES * len(nodes))
    arena.journal, arena.ahead = Journal(_MORE_NODES * num_nodes, room), None
    arena.journal.add(nodes, (arena.start, arena.stop))
    return RowBounds(start, stop, num_nodes, arena.journal, arena.journal.used)


def _slots_with_room(slots: Slots, used: int, wanted: int, new: New) -> Slots:
    """Return what is used of the slots, with room for many times those wanted."""
    timed = len(new.time) > 0 or len(slots.time) > 0

    def make(size: int) -> Slots:
        return Slots(
            with_room(slots.node[:used], size),
            with_room(slots.time[:used], size if timed else 0),
            with_room(slots.edge[:used], size),
        )

    return roomy(make, wanted)


@compiled
def _append_while_room(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    held: tuple[np.ndarray, np.ndarray],
    slots: Slots,
    new: New,
    done: int,
    tail: int,
    shared: int,
) -> tuple[int, int]:
    """Append edges from ``done`` on; stop early where the arrays are full.

    Rows that start before the slot ``shared`` may be read by others.
    """
    start, stop, limit = rows
    node, time, number = slots
    source, target, offset, edge = new
    timed = offset.size > 0
    for e in range(done, source.size):
        v = source[e]
        if limit[v] == 0 and v < held[0].size:
            # The first to append to this row, which has no room.
            start[v], stop[v], limit[v] = held[0][v], held[1][v], held[1][v]
        at = stop[v]
        if timed:
            while at > start[v] and time[at - 1] > offset[e]:
                at -= 1
        # A row that others see may only be written behind its end.
        if stop[v] == limit[v] or (at < stop[v] and start[v] < shared):
            length = int(stop[v] - start[v])
            room = 2 * length + _LEAST_ROOM
            if tail + room > node.size:
                return e, tail
            for j in range(length):
                node[tail + j] = node[start[v] + j]
                number[tail + j] = number[start[v] + j]
                if timed:
                    time[tail + j] = time[start[v] + j]
            at = at + tail - start[v]
            start[v], stop[v], limit[v] = tail, tail + length, tail + room
            tail += room
        for j in range(stop[v], at, -1):
            node[j] = node[j - 1]
            number[j] = number[j - 1]
            if timed:
                time[j] = time[j - 1]
        node[at], number[at] = target[e], edge[e]
        if timed:
            time[at] = offset[e]
        stop[v] += 1
    return source.size, tail


@compiled
def _move_rows(
    start: np.ndarray, length: np.ndarray, first: np.ndarray, held: Slots, moved: Slots
) -> None:
    timed = held[1].size > 0
    for v in range(start.size):
        for j in range(length[v]):
            moved[0][first[v] + j] = held[0][start[v] + j]
            moved[2][first[v] + j] = held[2][start[v] + j]
            if timed:
                moved[1][first[v] + j] = held[1][start[v] + j]
