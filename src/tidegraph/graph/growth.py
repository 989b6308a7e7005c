"""Rows that grow: new edges go behind the old, where no earlier value looks.

A value of ``Neighbors`` says where each row starts and stops in shared arrays. Behind a
row there may be room, and behind all rows there is more. Appending writes only where no
row of an earlier value reaches: after the row's end, or into a copy of the row that is
twice as long. So a reader keeps what it has, without a lock, and a row costs O(1) per
edge to grow.
"""

from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32, Int64

from tidegraph.compiled import compiled

_LEAST_ROOM = 4


@dataclass(eq=False)
class Arena:
    """The arrays that the values of one line share, and who may write next.

    Attributes:
        limit: Where the room of each row ends.
        tail: The first free slot behind all rows.
        newest: Number of the latest value; only from that one may be written on.
        lock: Held while writing.
    """

    limit: Int64[np.ndarray, " nodes"]
    tail: int
    newest: int = 0
    lock: Lock = field(default_factory=Lock)


class Rows(NamedTuple):
    """Rows of edges in shared arrays.

    Attributes:
        start: Where each node's row starts.
        stop: Where it stops.
        node: The other end of each edge.
        time: Seconds since some base; empty if untimed.
        edge: Number of each edge.
    """

    start: Int64[np.ndarray, " nodes"]
    stop: Int64[np.ndarray, " nodes"]
    node: Int32[np.ndarray, " slots"]
    time: Int[np.ndarray, " times"]
    edge: Int[np.ndarray, " slots"]


class New(NamedTuple):
    """Edges to add, in time order.

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


def grow(
    rows: Rows, new: New, num_nodes: int, arena: Arena | None, version: int
) -> tuple[Rows, Arena]:
    """Return the rows with new edges, each after those of its second.

    Args:
        rows: What there is; it does not change.
        new: What to add.
        num_nodes: How many rows there are then; at least as many as now.
        arena: Who may write behind the rows; none if they were never grown.
        version: The number of these rows in their line.

    Returns:
        The longer rows, and the arena in which they are the newest.
    """
    size, timed = len(rows.node) + 2 * len(new.source), len(new.time) > 0
    if arena is None:
        arena = Arena(rows.stop, len(rows.node), newest=version)
        rows = rows._replace(**_longer(rows, size, timed))
    with arena.lock:
        if arena.newest != version:
            # Others write behind these rows, so write behind a copy of them.
            arena = Arena(rows.stop, len(rows.node), newest=version)
            rows = rows._replace(**_longer(rows, size, timed))
        blank = np.zeros(num_nodes - len(rows.start), np.int64)
        limit = np.concatenate([arena.limit, blank])
        grown = rows._replace(
            start=np.concatenate([rows.start, blank]),
            stop=np.concatenate([rows.stop, blank]),
        )
        done, tail = 0, arena.tail
        while True:
            done, tail = _append(rows.start, limit, grown, new, done, tail)
            if done == len(new.source):
                break
            row = new.source[done]
            room = 2 * int(grown.stop[row] - grown.start[row]) + _LEAST_ROOM
            size = max(tail + room, len(grown.node) * 3 // 2)
            grown = grown._replace(**_longer(grown, size, timed))
        arena.limit, arena.tail, arena.newest = limit, tail, version + 1
    return grown, arena


def _longer(rows: Rows, size: int, timed: bool) -> dict[str, np.ndarray]:
    """Return the arrays of the slots with room for ``size`` of them."""
    longer: dict[str, np.ndarray] = {}
    for name in ("node", "time", "edge"):
        array: np.ndarray = getattr(rows, name)
        if len(array) or name != "time" or timed:
            longer[name] = np.empty(size, array.dtype)
            longer[name][: len(array)] = array
    return longer


@compiled
def _append(
    old_start: np.ndarray,
    limit: np.ndarray,
    rows: Rows,
    new: New,
    done: int,
    tail: int,
) -> tuple[int, int]:
    """Append edges from ``done`` on; stop early where the arrays are full."""
    start, stop, node, time, number = rows
    source, target, offset, edge = new
    timed = offset.size > 0
    for e in range(done, source.size):
        v = source[e]
        at = stop[v]
        if timed:
            while at > start[v] and time[at - 1] > offset[e]:
                at -= 1
        # A row that others see may only be written behind its end.
        shared = v < old_start.size and start[v] == old_start[v]
        if stop[v] == limit[v] or (at < stop[v] and shared):
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
