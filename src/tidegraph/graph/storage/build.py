"""Edges into rows by a stable counting sort."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32, Int64

from tidegraph.kernels.jit import compiled, sealed
from tidegraph.small_arrays import span

_BUCKET_BITS = 9


class Sorted(NamedTuple):
    """Edges grouped by source, each group in time order.

    Attributes:
        start: Where each node's row starts.
        stop: Where it stops.
        node: The other end of each edge.
        time: Seconds since ``base``; empty if untimed.
        base: A tick of the first edge.
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
        time: Ticks, ties keeping their order; empty if untimed.
        num_nodes: How many nodes there are.
    """
    source, target, time = sealed(source, target, time)
    rising, base, latest = _time_span(time)
    order = np.zeros(0, np.int64) if rising else np.argsort(time, kind="stable")
    start, stop = _row_bounds(source, num_nodes)
    node = np.empty(len(source), np.int32)
    edge = np.empty(len(source), narrowest(len(source)))
    offset = np.empty(len(time), narrowest(latest - base))
    # First into a few hundred buckets, then to the rows: what a bucket's rows touch
    # fits the cache, and a few hundred open ends do as well.
    wide = np.int64 if 8 in (edge.itemsize, offset.itemsize) else np.int32
    parted = np.empty(4 * len(source), wide)
    shift = max(0, (num_nodes - 1).bit_length() - _BUCKET_BITS)
    _partition_by_source(source, target, time, order, start, shift, base, parted)
    _write_edges_in_rows(parted, start.copy(), node, edge, offset)
    return Sorted(start, stop, node, offset, base, edge)


def narrowest(largest: int) -> type[np.signedinteger]:
    """Return the narrower integer type, int32 or int64, that holds 0 to ``largest``."""
    return np.int32 if largest < 2**31 else np.int64


def base_of(time: Int64[np.ndarray, " n"]) -> tuple[int, int]:
    """Return the first time of edges, and how far the last is from it."""
    _, first, last = _time_span(time)
    return first, last - first


def fits(held: Int[np.ndarray, " n"], new: Int64[np.ndarray, " m"]) -> bool:
    """Return whether a column is wide enough for new numbers."""
    if held.itemsize == 8 or not len(new):
        return True
    low, high = span(new)
    return low >= -(2**31) and high < 2**31


@compiled
def _time_span(time: np.ndarray) -> tuple[bool, int, int]:
    """Return whether times never fall, the first and the last; 0 if there is none."""
    if time.size == 0:
        return True, 0, 0
    falls, first, last = 0, time[0], time[0]
    for e in range(1, time.size):
        falls += time[e] < time[e - 1]
        first = min(first, time[e])
        last = max(last, time[e])
    return falls == 0, int(first), int(last)


@compiled
def _row_bounds(source: np.ndarray, num_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    ptr = np.zeros(num_nodes + 1, np.int64)
    for e in range(source.size):
        ptr[source[e] + 1] += 1
    for v in range(num_nodes):
        ptr[v + 1] += ptr[v]
    return ptr[:-1], ptr[1:]


@compiled
def _partition_by_source(
    source: np.ndarray,
    target: np.ndarray,
    time: np.ndarray,
    order: np.ndarray,
    start: np.ndarray,
    shift: int,
    base: int,
    parted: np.ndarray,
) -> None:
    """Write edges, four numbers each, to the bucket of their source, in time order."""
    free = start[:: 1 << shift].copy()
    for j in range(source.size):
        e = order[j] if order.size else j
        bucket = source[e] >> shift
        at = 4 * free[bucket]
        free[bucket] += 1
        parted[at] = source[e]
        parted[at + 1] = target[e]
        parted[at + 2] = e
        parted[at + 3] = time[e] - base if time.size else 0


@compiled
def _write_edges_in_rows(
    parted: np.ndarray,
    place: np.ndarray,
    node: np.ndarray,
    edge: np.ndarray,
    offset: np.ndarray,
) -> None:
    """Write each edge to the next free place of its source."""
    timed = offset.size > 0
    for j in range(node.size):
        v = parted[4 * j]
        at = place[v]
        place[v] = at + 1
        node[at] = parted[4 * j + 1]
        edge[at] = parted[4 * j + 2]
        if timed:
            offset[at] = parted[4 * j + 3]
