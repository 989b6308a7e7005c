"""Is there an edge between two nodes, as of a clock? Rows sorted by their other end."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32, Int64

from tidegraph.kernels.binary_search import lower_bound
from tidegraph.kernels.intrinsics import publish
from tidegraph.kernels.jit import compiled, over_rows

_LEAST_RUN = 64
_SHARE = 32
"""New slots are looked through one by one until they are this part of their row."""


class NeighborIndex(NamedTuple):
    """The rows of neighbours once more, in runs sorted by the other end, then by time.

    A row that grows gets further runs behind; what is in none is looked through.

    Attributes:
        node: The other end, rising within a run.
        time: Seconds since the base, rising within one other end; empty if untimed.
        run: How many slots the run has that starts at each; 0 where none does.
        held_node: The other end as it stands in the rows.
        held_time: Seconds since the base as they stand there.
    """

    node: Int32[np.ndarray, " room"]
    time: Int[np.ndarray, " times"]
    run: Int32[np.ndarray, " room"]
    held_node: Int32[np.ndarray, " slots"]
    held_time: Int[np.ndarray, " held_times"]


def neighbor_index_kept_up(
    start: Int64[np.ndarray, " rows"],
    stop: Int64[np.ndarray, " rows"],
    index: NeighborIndex,
) -> None:
    """Sort the slots of rows that are in no run yet, where they are many enough."""
    start = start.copy()
    _skip_runs(start, stop, index, _LEAST_RUN)
    sort_all_rows(start, stop, index)


def sort_all_rows(
    start: Int64[np.ndarray, " rows"],
    stop: Int64[np.ndarray, " rows"],
    index: NeighborIndex,
) -> None:
    """Sort rows that are sorted by time, each as one run."""
    over_rows(lambda a, b: _sort_rows(start, stop, index, a, b), len(start), grain=256)


@compiled
def has_edge_before(
    index: NeighborIndex, base: int, low: int, high: int, other: int, clock: int
) -> bool:
    """Is there an edge to ``other`` strictly before the clock in a row?"""
    while low < high:
        size = index.run[low]
        if size == 0 or low + size > high:
            break
        at = lower_bound(index.node, low, low + size, other)
        there = at < low + size and index.node[at] == other
        if there and _edge_before(index.time, at, base, clock):
            return True
        low += size
    for at in range(low, high):
        if index.held_node[at] == other:
            return _edge_before(index.held_time, at, base, clock)
    return False


@compiled
def _edge_before(time: np.ndarray, at: int, base: int, clock: int) -> bool:
    return time.size == 0 or time[at] + base < clock


@compiled
def _skip_runs(
    start: np.ndarray, stop: np.ndarray, index: NeighborIndex, least: int
) -> None:
    """Move the start of each row behind its sorted runs; to its end if few remain."""
    for v in range(start.size):
        low, first = start[v], start[v]
        while low < stop[v] and index.run[low] > 0:
            low += index.run[low]
        left, size = stop[v] - low, stop[v] - first
        few = low > first and left < max(least, size // _SHARE)
        start[v] = stop[v] if few else low


@compiled
def _sort_rows(
    start: np.ndarray, stop: np.ndarray, index: NeighborIndex, first: int, last: int
) -> None:
    node, time = index.held_node, index.held_time
    for v in range(first, last):
        low, size = start[v], stop[v] - start[v]
        key = np.empty(size, np.int64)
        for j in range(size):
            key[j] = (np.int64(node[low + j]) << 32) | j
        key.sort()
        for j in range(size):
            at = low + (key[j] & 0xFFFFFFFF)
            index.node[low + j] = node[at]
            if time.size:
                index.time[low + j] = time[at]
        if size:
            # Whoever meets a run finds it written.
            publish()
            index.run[low] = size
