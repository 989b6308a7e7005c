"""Where each row starts and stops, as one moment of a growing graph sees it.

The values of one line share the bounds that all have and a journal of changes; each
value sees the changes that came before it. So a change costs O(1), whatever the number
of nodes, and a reader follows a node's changes back to its own moment without a lock.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.kernels.intrinsics import prefetch, publish
from tidegraph.kernels.jit import compiled, over_rows

_LANES = 128
_BEHIND = 4096
"""A value this many changes behind writes its bounds down rather than follow them."""

Rows = tuple[Int64[np.ndarray, " rows"], Int64[np.ndarray, " rows"]]


class Journal:
    """Changes of bounds, oldest first, and the number of the latest of each node.

    Changes are numbered from 1; 0 is none.

    Args:
        nodes: How many nodes there may be.
        size: How many changes it has room for.
    """

    def __init__(self, nodes: int, size: int) -> None:
        # Zeros that nobody has written on take neither time nor memory.
        self.head = np.zeros(nodes, np.int32)
        self.node = np.empty(size, np.int32)
        self.start = np.empty(size, np.int64)
        self.stop = np.empty(size, np.int64)
        self.earlier = np.empty(size, np.int32)
        self.used = 0

    def takes(self, nodes: int, changes: int) -> bool:
        """Is there room for as many nodes in all, and for as many more changes?"""
        return nodes <= len(self.head) and self.used + changes <= len(self.start)

    @property
    def is_nearly_full(self) -> bool:
        """Is three quarters of the room used?"""
        return 4 * self.used > 3 * len(self.start)

    def add(self, nodes: Int32[np.ndarray, " n"], rows: Rows) -> None:
        """Note where the rows of some nodes start and stop now."""
        _add_changes(
            self.head, self.start, self.stop, self.earlier, self.used, nodes, *rows
        )
        self.node[self.used : self.used + len(nodes)] = nodes
        self.used += len(nodes)


_NONE = Journal(0, 0)


class BoundsView(NamedTuple):
    """Bounds as kernels read them, node by node; see ``row_of``.

    Attributes:
        first: Where rows started when the journal began.
        last: Where they stopped.
        num_nodes: How many nodes there are.
        head: The latest change of each node.
        start: Where the row of each change starts.
        stop: Where it stops.
        earlier: The change of the same node before it.
        changes: How many changes are seen.
    """

    first: Int64[np.ndarray, " then"]
    last: Int64[np.ndarray, " then"]
    num_nodes: int
    head: Int32[np.ndarray, " nodes"]
    start: Int64[np.ndarray, " changes"]
    stop: Int64[np.ndarray, " changes"]
    earlier: Int32[np.ndarray, " changes"]
    changes: int


@dataclass(frozen=True, eq=False)
class RowBounds:
    """Where the row of each node starts and stops; a value that never changes.

    Attributes:
        first: Where rows started when the journal began; nodes beyond have none yet.
        last: Where they stopped.
        num_nodes: How many nodes there are.
        journal: What changed since.
        changes: How many of its changes this value sees.
    """

    first: Int64[np.ndarray, " then"]
    last: Int64[np.ndarray, " then"]
    num_nodes: int
    journal: Journal = field(default=_NONE)
    changes: int = 0

    @classmethod
    def of(cls, start: np.ndarray, stop: np.ndarray) -> "RowBounds":
        """Return bounds that are given for each node."""
        return cls(start, stop, len(start))

    def __len__(self) -> int:
        return self.num_nodes

    @cached_property
    def whole(self) -> Rows:
        """Where the row of each node starts and stops, written down."""
        if not self.changes and len(self.first) == self.num_nodes:
            return self.first, self.last
        nodes = np.arange(self.num_nodes, dtype=np.int32)
        return self._bounds_of(nodes)

    @property
    def view(self) -> BoundsView:
        """What kernels read the row of any node from."""
        return self._flattened_if_due._view

    @property
    def _flattened_if_due(self) -> "RowBounds":
        """The same bounds, written down if they are, or if that has come to pay."""
        if "whole" in self.__dict__ or self.journal.used - self.changes > _BEHIND:
            return RowBounds.of(*self.whole)
        return self

    @property
    def _view(self) -> BoundsView:
        past = self.journal
        changed = (past.head, past.start, past.stop, past.earlier, self.changes)
        return BoundsView(self.first, self.last, self.num_nodes, *changed)

    def at(self, nodes: Int32[np.ndarray, " q"]) -> Rows:
        """Return where the rows of some nodes start and stop; 0 outside the graph."""
        return self._flattened_if_due._bounds_of(nodes)

    def reading(
        self, nodes: Int32[np.ndarray, " q"]
    ) -> tuple[Rows, Callable[[int, int], None]]:
        """Return room for what ``at`` returns, and what writes nodes i to j of it.

        For whoever does more with some nodes while their bounds are at hand.
        """
        return self._flattened_if_due._bounds_reader(nodes)

    def changed_since(self, before: "RowBounds") -> Int32[np.ndarray, " changed"]:
        """Return the nodes whose rows an earlier value of the line sees otherwise."""
        if self.journal is before.journal:
            return np.unique(self.journal.node[before.changes : self.changes])
        # Another journal began in between: compare them all.
        nodes = np.arange(self.num_nodes, dtype=np.int32)
        (start, stop), (low, high) = self.whole, before.at(nodes)
        return nodes[(start != low) | (stop != high)]

    def _bounds_of(self, nodes: Int32[np.ndarray, " q"]) -> Rows:
        rows, read = self._bounds_reader(nodes)
        over_rows(read, len(nodes), grain=4096)
        return rows

    def _bounds_reader(
        self, nodes: Int32[np.ndarray, " q"]
    ) -> tuple[Rows, Callable[[int, int], None]]:
        low, high = np.empty(len(nodes), np.int64), np.empty(len(nodes), np.int64)
        if not self.changes and len(self.first) == self.num_nodes:
            first, last = self.first, self.last
            return (low, high), lambda a, b: _read_bounds(
                first, last, nodes, low, high, a, b
            )
        rows = self._view
        return (low, high), lambda a, b: _follow_changes(rows, nodes, low, high, a, b)


@compiled
def row_of(rows: BoundsView, v: int) -> tuple[int, int]:
    """Return where the row of a node starts and stops; 0 outside the graph."""
    low, high = 0, 0
    if 0 <= v < min(rows.num_nodes, rows.first.size):
        low, high = int(rows.first[v]), int(rows.last[v])
    if rows.changes > 0 and 0 <= v < rows.num_nodes:
        change = int(rows.head[v])
        while change > rows.changes:
            change = int(rows.earlier[change - 1])
        if change > 0:
            low, high = int(rows.start[change - 1]), int(rows.stop[change - 1])
    return low, high


@compiled
def _add_changes(
    head: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    earlier: np.ndarray,
    used: int,
    nodes: np.ndarray,
    new_start: np.ndarray,
    new_stop: np.ndarray,
) -> None:
    for n in range(nodes.size):
        start[used + n], stop[used + n] = new_start[nodes[n]], new_stop[nodes[n]]
        earlier[used + n] = head[nodes[n]]
    # Whoever meets a change at the head of a node finds it written.
    publish()
    for n in range(nodes.size):
        head[nodes[n]] = used + n + 1


@compiled
def _read_bounds(
    first: np.ndarray,
    last: np.ndarray,
    nodes: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    begin: int,
    end: int,
) -> None:
    for block in range(begin, end, _LANES):
        until = min(block + _LANES, end)
        for q in range(block, until):
            prefetch(first, nodes[q])
            prefetch(last, nodes[q])
        for q in range(block, until):
            v = nodes[q]
            there = 0 <= v < first.size
            low[q] = first[v] if there else 0
            high[q] = last[v] if there else 0


@compiled
def _follow_changes(
    rows: BoundsView,
    nodes: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    begin: int,
    end: int,
) -> None:
    for block in range(begin, end, _LANES):
        until = min(block + _LANES, end)
        for q in range(block, until):
            prefetch(rows.first, nodes[q])
            prefetch(rows.last, nodes[q])
            prefetch(rows.head, nodes[q])
        for q in range(block, until):
            low[q], high[q] = row_of(rows, nodes[q])
