"""Time-sorted neighbours of every node, in one direction of one edge type."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.compiled import compiled, over_rows


@dataclass(frozen=True, eq=False)
class Histories:
    """Events of several nodes laid end to end, oldest first within a node.

    Attributes:
        ptr: Where each node's events start; one more entry than there are nodes.
        node: The other end of each event.
        time: Unix seconds of each event.
        weight: Strength of each event.
    """

    ptr: Int64[np.ndarray, " starts"]
    node: Int32[np.ndarray, " events"]
    time: Int64[np.ndarray, " events"]
    weight: Float32[np.ndarray, " events"]

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def rows(self, start: int, stop: int) -> "Histories":
        """Return the histories of some consecutive nodes; no copy of the events."""
        ptr = self.ptr[start : stop + 1]
        events = slice(int(ptr[0]), int(ptr[-1])) if len(ptr) else slice(0, 0)
        return Histories(
            ptr - ptr[:1], self.node[events], self.time[events], self.weight[events]
        )


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The events of every node in time order: compressed rows, 24 bytes per event.

    Attributes:
        ptr: Where each node's events start; one more entry than there are nodes.
        node: The other end of each event.
        time: Unix seconds, never decreasing within a node.
        weight: Strength of each event.
    """

    ptr: Int64[np.ndarray, " starts"]
    node: Int32[np.ndarray, " events"]
    time: Int64[np.ndarray, " events"]
    weight: Float32[np.ndarray, " events"]

    @classmethod
    def build(
        cls,
        source: Int32[np.ndarray, " events"],
        target: Int32[np.ndarray, " events"],
        time: Int64[np.ndarray, " events"],
        weight: Float32[np.ndarray, " events"],
        num_nodes: int,
    ) -> "Neighbors":
        """Group events by source with a stable counting sort, in O(events).

        The events must come in time order; ties then keep their order.
        """
        return cls(*_counting_sort(source, target, time, weight, num_nodes))

    def with_events(
        self,
        source: Int32[np.ndarray, " new"],
        target: Int32[np.ndarray, " new"],
        time: Int64[np.ndarray, " new"],
        weight: Float32[np.ndarray, " new"],
        num_nodes: int,
    ) -> "Neighbors":
        """Return these and new events, each placed by its time, in O(events).

        A new event comes after the old ones of the same second.

        Args:
            source: Node of each new event.
            target: Its other end.
            time: Its Unix second, never decreasing.
            weight: Its strength.
            num_nodes: How many nodes there are now; at least as many as before.
        """
        new = Neighbors.build(source, target, time, weight, num_nodes)
        old_ptr = np.concatenate(
            [self.ptr, np.full(num_nodes - len(self), self.ptr[-1], np.int64)]
        )
        return Neighbors(
            old_ptr + new.ptr,
            *_merged(
                old_ptr,
                self.node,
                self.time,
                self.weight,
                new.ptr,
                new.node,
                new.time,
                new.weight,
            ),
        )

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def degree(self) -> Int64[np.ndarray, " nodes"]:
        """Return how many events each node has in all."""
        return np.diff(self.ptr)

    def span_before(
        self, nodes: Int32[np.ndarray, " q"], times: Int64[np.ndarray, " q"]
    ) -> tuple[Int64[np.ndarray, " q"], Int64[np.ndarray, " q"]]:
        """Return where each node's events before its time start and stop.

        Args:
            nodes: Rows of nodes; a row outside the graph has no events.
            times: Each query's clock; only strictly earlier events count.
        """
        start = np.empty(len(nodes), np.int64)
        stop = np.empty(len(nodes), np.int64)
        over_rows(
            lambda a, b: _spans(self.ptr, self.time, nodes, times, start, stop, a, b),
            len(nodes),
            grain=2048,
        )
        return start, stop

    def before(
        self,
        nodes: Int32[np.ndarray, " q"],
        times: Int64[np.ndarray, " q"],
        limit: int | None = None,
    ) -> Histories:
        """Return each node's events strictly before its time, oldest first.

        Args:
            nodes: Rows of nodes; a row outside the graph has no events.
            times: Each query's clock.
            limit: Keep only this many latest events of each.
        """
        start, stop = self.span_before(nodes, times)
        if limit is not None:
            start = np.maximum(start, stop - limit)
        ptr = np.zeros(len(nodes) + 1, np.int64)
        np.cumsum(stop - start, out=ptr[1:])
        rows = _ranges(start, ptr)
        return Histories(ptr, self.node[rows], self.time[rows], self.weight[rows])


@compiled
def _counting_sort(
    source: Int32[np.ndarray, " events"],
    target: Int32[np.ndarray, " events"],
    time: Int64[np.ndarray, " events"],
    weight: Float32[np.ndarray, " events"],
    num_nodes: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    ptr = np.zeros(num_nodes + 1, np.int64)
    for e in range(source.size):
        ptr[source[e] + 1] += 1
    for v in range(num_nodes):
        ptr[v + 1] += ptr[v]
    place = ptr[:-1].copy()
    node = np.empty(source.size, np.int32)
    when = np.empty(source.size, np.int64)
    strength = np.empty(source.size, np.float32)
    for e in range(source.size):
        at = place[source[e]]
        place[source[e]] = at + 1
        node[at] = target[e]
        when[at] = time[e]
        strength[at] = weight[e]
    return ptr, node, when, strength


@compiled
def _spans(
    ptr: np.ndarray,
    time: np.ndarray,
    nodes: np.ndarray,
    clocks: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    first: int,
    last: int,
) -> None:
    for q in range(first, last):
        v = nodes[q]
        if v < 0 or v >= ptr.size - 1:
            start[q] = 0
            stop[q] = 0
            continue
        low, high = ptr[v], ptr[v + 1]
        start[q] = low
        while low < high:
            middle = (low + high) >> 1
            if time[middle] < clocks[q]:
                low = middle + 1
            else:
                high = middle
        stop[q] = low


@compiled
def _ranges(start: np.ndarray, ptr: np.ndarray) -> np.ndarray:
    rows = np.empty(ptr[-1], np.int64)
    for q in range(start.size):
        for j in range(ptr[q + 1] - ptr[q]):
            rows[ptr[q] + j] = start[q] + j
    return rows


@compiled
def _merged(
    old_ptr: np.ndarray,
    old_node: np.ndarray,
    old_time: np.ndarray,
    old_weight: np.ndarray,
    new_ptr: np.ndarray,
    new_node: np.ndarray,
    new_time: np.ndarray,
    new_weight: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    size = old_node.size + new_node.size
    node = np.empty(size, np.int32)
    time = np.empty(size, np.int64)
    weight = np.empty(size, np.float32)
    at = 0
    for v in range(old_ptr.size - 1):
        a, b = old_ptr[v], new_ptr[v]
        while a < old_ptr[v + 1] or b < new_ptr[v + 1]:
            old_first = b == new_ptr[v + 1] or (
                a < old_ptr[v + 1] and old_time[a] <= new_time[b]
            )
            if old_first:
                node[at], time[at], weight[at] = old_node[a], old_time[a], old_weight[a]
                a += 1
            else:
                node[at], time[at], weight[at] = new_node[b], new_time[b], new_weight[b]
                b += 1
            at += 1
    return node, time, weight
