"""Edges into rows by a stable counting sort."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32, Int64

from tidegraph.compiled import compiled


class Sorted(NamedTuple):
    """Edges grouped by source, each group in time order.

    Attributes:
        start: Where each node's row starts.
        stop: Where it stops.
        node: The other end of each edge.
        time: Seconds since ``base``; empty if untimed.
        base: Unix seconds of the first edge.
        edge: Number of each edge, in the order in which they were given.
    """

    start: Int64[np.ndarray, " nodes"]
    stop: Int64[np.ndarray, " nodes"]
    node: Int32[np.ndarray, " slots"]
    time: Int[np.ndarray, " times"]
    base: int
    edge: Int[np.ndarray, " slots"]


def sorted_edges(
    source: Int32[np.ndarray, " events"],
    target: Int32[np.ndarray, " events"],
    time: Int64[np.ndarray, " times"],
    num_nodes: int,
) -> Sorted:
    """Return edges, in any order of time, as rows; O(edges) if they are in order.

    Args:
        source: Row of the node each edge starts from.
        target: Row of the other end.
        time: Unix seconds, ties keeping their order; empty if untimed.
        num_nodes: How many nodes there are.
    """
    order = np.zeros(0, np.int64)
    if bool((time[1:] < time[:-1]).any()):
        order = np.argsort(time, kind="stable")
    base, span = base_of(time)
    start, stop = _bounds(source, num_nodes)
    node = np.empty(len(source), np.int32)
    edge = np.empty(len(source), narrowest(len(source)))
    offset = np.empty(len(time), narrowest(span))
    _place(source, target, time, order, start.copy(), base, node, offset, edge)
    return Sorted(start, stop, node, offset, base, edge)


def narrowest(largest: int) -> type[np.signedinteger]:
    """Return the narrower of int32 and int64 that holds 0 to ``largest``."""
    return np.int32 if largest < 2**31 else np.int64


def base_of(time: Int64[np.ndarray, " n"]) -> tuple[int, int]:
    """Return the first time and how far the last is from it."""
    if not len(time):
        return 0, 0
    return int(time.min()), int(time.max()) - int(time.min())


def wide_enough(
    held: Int[np.ndarray, " n"], new: Int64[np.ndarray, " m"]
) -> Int[np.ndarray, " n"]:
    """Return the numbers held, in 64 bits if the new ones need that."""
    fits = np.iinfo(held.dtype)
    if not len(new) or (int(new.min()) >= fits.min and int(new.max()) <= fits.max):
        return held
    return held.astype(np.int64)


@compiled
def _bounds(source: np.ndarray, num_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    ptr = np.zeros(num_nodes + 1, np.int64)
    for e in range(source.size):
        ptr[source[e] + 1] += 1
    for v in range(num_nodes):
        ptr[v + 1] += ptr[v]
    return ptr[:-1], ptr[1:]


@compiled
def _place(
    source: np.ndarray,
    target: np.ndarray,
    time: np.ndarray,
    order: np.ndarray,
    place: np.ndarray,
    base: int,
    node: np.ndarray,
    offset: np.ndarray,
    edge: np.ndarray,
) -> None:
    """Write each edge, in time order, to the next free place of its source."""
    for j in range(source.size):
        e = order[j] if order.size else j
        at = place[source[e]]
        place[source[e]] = at + 1
        node[at] = target[e]
        edge[at] = e
        if time.size:
            offset[at] = time[e] - base
