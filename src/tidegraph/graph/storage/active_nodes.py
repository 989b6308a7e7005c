"""Which nodes had an edge by when, and how many: what negatives are drawn from."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32, Int64

from tidegraph.kernels.jit import compiled
from tidegraph.small_arrays import never_fall

_RECENT = 4096
"""The latest entries, at most, into which one that is late can be put cheaply."""
_EVER = np.iinfo(np.int64).min
"""When edges without time were, which are before every clock."""

Rows = tuple[Int64[np.ndarray, " rows"], Int64[np.ndarray, " rows"]]


class Timeline(NamedTuple):
    """Nodes in order of time, so that the past of a clock is the first few of them.

    The long part grows at its end, beyond what earlier values see; the short part is
    each value's own.

    Attributes:
        node: The long part, with room behind.
        time: Tick of each.
        settled: How many entries of it there are.
        recent: The short part, not before the long one.
        recent_time: Tick of each.
    """

    node: Int32[np.ndarray, " room"]
    time: Int64[np.ndarray, " room"]
    settled: int
    recent: Int32[np.ndarray, " recent"]
    recent_time: Int64[np.ndarray, " recent"]

    @classmethod
    def of(
        cls, node: Int32[np.ndarray, " n"], time: Int64[np.ndarray, " n"]
    ) -> "Timeline":
        """Return nodes that are in order of time."""
        none = np.zeros(0, np.int32), np.zeros(0, np.int64)
        return cls(node, time, len(node), *none)

    def size(self) -> int:
        """Return how many entries there are."""
        return self.settled + len(self.recent)

    def before(self, clocks: Int64[np.ndarray, " q"]) -> Int64[np.ndarray, " q"]:
        """Return how many entries are strictly before each clock."""
        early = np.searchsorted(self.time[: self.settled], clocks)
        return early + np.searchsorted(self.recent_time, clocks)

    def at(self, place: Int64[np.ndarray, " q"]) -> Int32[np.ndarray, " q"]:
        """Return the nodes that stand in some places."""
        if not len(self.recent):
            return self.node[place]
        out = np.empty(len(place), np.int32)
        late = place >= self.settled
        out[~late] = self.node[place[~late]]
        out[late] = self.recent[place[late] - self.settled]
        return out

    def without_room(self) -> "Timeline":
        """Return the same entries, which are copied before more of them settle."""
        node, time = self.node[: self.settled], self.time[: self.settled]
        return self._replace(node=node, time=time)

    def with_entries(
        self, node: Int32[np.ndarray, " n"], time: Int64[np.ndarray, " n"]
    ) -> "Timeline":
        """Return these entries and others, in order, each after those of its second.

        Takes O(new) where an entry is older than at most a few thousand others.
        """
        if not len(node):
            return self
        if self.settled and time[0] < self.time[self.settled - 1]:
            nodes = (self.node[: self.settled], self.recent, node)
            times = (self.time[: self.settled], self.recent_time, time)
            whole = np.concatenate(times)
            order = np.argsort(whole, kind="stable")
            return Timeline.of(np.concatenate(nodes)[order], whole[order])
        place = np.searchsorted(self.recent_time, time, side="right")
        recent = np.insert(self.recent, place, node)
        recent_time = np.insert(self.recent_time, place, time)
        kept = len(recent) if len(recent) <= _RECENT else _RECENT // 2
        moved, settled = len(recent) - kept, self.settled
        nodes, times = self.node, self.time
        if settled + moved > len(nodes):
            nodes, times = (
                _doubled_room(part, settled, moved) for part in (nodes, times)
            )
        nodes[settled : settled + moved] = recent[:moved]
        times[settled : settled + moved] = recent_time[:moved]
        late = recent[moved:], recent_time[moved:]
        return Timeline(nodes, times, settled + moved, *late)


class ActiveNodes(NamedTuple):
    """What can be drawn at any time: the nodes and edges of the past are prefixes.

    Attributes:
        births: Nodes with an edge at any time, by time of their first.
        occurrences: The node of every edge, by time; within a second, by number.
    """

    births: Timeline
    occurrences: Timeline


def active_nodes(
    start: Int64[np.ndarray, " nodes"],
    stop: Int64[np.ndarray, " nodes"],
    time: Int[np.ndarray, " times"],
    base: int,
    edge: Int[np.ndarray, " slots"],
) -> ActiveNodes:
    """Return the nodes of rows, and the edges that reach them, by time.

    Args:
        start: Where each node's row starts.
        stop: Where it stops.
        time: Seconds since ``base``; empty if untimed.
        base: A tick.
        edge: Number of each edge.
    """
    nodes = np.arange(len(start), dtype=np.int32)
    found = _new_entries(nodes, start, start, stop, (time, base, edge), -1)
    return ActiveNodes(*(Timeline.of(*_sorted_by_time(*part)) for part in found))


def apart_from_newer(held: ActiveNodes) -> ActiveNodes:
    """Return the same without the room behind, which newer values may have written."""
    return ActiveNodes(*(part.without_room() for part in held))


def with_changes(
    held: ActiveNodes,
    nodes: Int32[np.ndarray, " changed"],
    before: Rows,
    after: Rows,
    slots: tuple[Int[np.ndarray, " times"], int, Int[np.ndarray, " slots"]],
) -> ActiveNodes | None:
    """Return the nodes and edges with those of rows that changed.

    Args:
        held: What there was.
        nodes: Whose rows changed.
        before: Their rows then.
        after: Their rows now.
        slots: Times, what they count from, and numbers.

    Returns:
        None if a node has an earlier edge than was known.
    """
    (start, stop), (low, high) = after, before
    moved = start != low
    since = np.where(moved, start, high)
    born, seen = _new_entries(
        nodes, start, since, stop, slots, held.occurrences.size() - 1
    )
    new = high == low
    if bool((~new & np.isin(nodes, born[0])).any()):
        return None
    births = held.births.with_entries(*_sorted_by_time(*born))
    return ActiveNodes(births, held.occurrences.with_entries(*_sorted_by_time(*seen)))


Entries = tuple[
    Int32[np.ndarray, " _"], Int64[np.ndarray, " _"], Int64[np.ndarray, " _"]
]
"""Node, time and number of some edges."""


def _new_entries(
    nodes: Int32[np.ndarray, " rows"],
    start: Int64[np.ndarray, " rows"],
    since: Int64[np.ndarray, " rows"],
    stop: Int64[np.ndarray, " rows"],
    slots: tuple[Int[np.ndarray, " times"], int, Int[np.ndarray, " slots"]],
    known: int,
) -> tuple[Entries, Entries]:
    """Return the edges numbered above ``known``: those that are a node's first, all."""
    born, seen = _empty_entries(len(nodes)), _empty_entries(int((stop - since).sum()))
    births, occurrences = _write_new_entries(
        nodes, start, since, stop, *slots, known, born, seen
    )
    node, time, number = born
    first = node[:births], time[:births], number[:births]
    node, time, number = seen
    return first, (node[:occurrences], time[:occurrences], number[:occurrences])


def _empty_entries(size: int) -> Entries:
    return np.empty(size, np.int32), np.empty(size, np.int64), np.empty(size, np.int64)


def _sorted_by_time(
    node: Int32[np.ndarray, " n"],
    time: Int64[np.ndarray, " n"],
    number: Int64[np.ndarray, " n"],
) -> tuple[Int32[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Sort nodes by time and, within a second, by number."""
    if len(number) and int(number.max()) - int(number.min()) + 1 == len(number):
        # Every number of a range, once: each says its place.
        order = np.empty(len(number), np.int64)
        order[number - number.min()] = np.arange(len(number))
    else:
        order = np.argsort(number, kind="stable")
    if not never_fall(time[order]):
        order = order[np.argsort(time[order], kind="stable")]
    return node[order], time[order]


def _doubled_room(held: np.ndarray, settled: int, more: int) -> np.ndarray:
    longer = np.empty(2 * (settled + more), held.dtype)
    longer[:settled] = held[:settled]
    return longer


@compiled
def nth_node(line: Timeline, place: int) -> int:
    """Return the node that stands in a place."""
    if place < line.settled:
        return line.node[place]
    return line.recent[place - line.settled]


@compiled
def _write_new_entries(
    nodes: np.ndarray,
    start: np.ndarray,
    since: np.ndarray,
    stop: np.ndarray,
    time: np.ndarray,
    base: int,
    edge: np.ndarray,
    known: int,
    born: tuple[np.ndarray, np.ndarray, np.ndarray],
    seen: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> tuple[int, int]:
    """Write the edges numbered above ``known``; first edges of nodes to ``born``."""
    births, occurrences = 0, 0
    for n in range(nodes.size):
        for s in range(since[n], stop[n]):
            if edge[s] <= known:
                continue
            when = time[s] + base if time.size else _EVER
            seen[0][occurrences], seen[1][occurrences] = nodes[n], when
            seen[2][occurrences] = edge[s]
            occurrences += 1
            if s == start[n]:
                born[0][births], born[1][births] = nodes[n], when
                born[2][births] = edge[s]
                births += 1
    return births, occurrences
