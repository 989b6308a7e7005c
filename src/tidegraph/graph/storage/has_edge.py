"""Is there an edge between two nodes, as of a clock? Rows sorted by their other end."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32, Int64

from tidegraph.kernels.binary_search import before
from tidegraph.kernels.jit import compiled, over_rows


class NeighborIndex(NamedTuple):
    """The rows of neighbours once more, each sorted by the other end, then by time.

    Attributes:
        node: The other end, rising within a row.
        time: Seconds since the base, rising within one other end; empty if untimed.
    """

    node: Int32[np.ndarray, " slots"]
    time: Int[np.ndarray, " times"]


def neighbor_index(
    start: Int64[np.ndarray, " rows"],
    stop: Int64[np.ndarray, " rows"],
    node: Int32[np.ndarray, " slots"],
    time: Int[np.ndarray, " times"],
) -> NeighborIndex:
    """Return the index of rows that are sorted by time."""
    index = NeighborIndex(np.empty_like(node), np.empty_like(time))
    over_rows(
        lambda a, b: _sort(start, stop, node, time, index, a, b), len(start), grain=256
    )
    return index


@compiled
def has_edge_before(
    index: NeighborIndex, base: int, low: int, high: int, other: int, clock: int
) -> bool:
    """Is there an edge to ``other`` strictly before the clock in a row?"""
    at = before(index[0], low, high, other)
    if at >= high or index[0][at] != other:
        return False
    return index[1].size == 0 or index[1][at] + base < clock


@compiled
def _sort(
    start: np.ndarray,
    stop: np.ndarray,
    node: np.ndarray,
    time: np.ndarray,
    index: NeighborIndex,
    first: int,
    last: int,
) -> None:
    for v in range(first, last):
        low, size = start[v], stop[v] - start[v]
        key = np.empty(size, np.int64)
        for j in range(size):
            key[j] = (np.int64(node[low + j]) << 32) | j
        key.sort()
        for j in range(size):
            at = low + (key[j] & 0xFFFFFFFF)
            index[0][low + j] = node[at]
            if time.size:
                index[1][low + j] = time[at]
