"""Where a node's past ends: binary searches in rows sorted by time."""

import numpy as np
from jaxtyping import Int64

from tidegraph.kernels.intrinsics import LANES, choose, halve_lanes, prefetch
from tidegraph.kernels.jit import compiled, over_rows, sealed

_SEARCHES = 256  # Advanced together, so that their cache misses overlap.
_LINE = 16  # What is left of a search stands in a cache line or two.


@compiled
def lower_bound(time: np.ndarray, low: int, high: int, clock: int) -> int:
    """Return the first place from ``low`` whose time is not below ``clock``."""
    size = high - low
    while size > 0:
        half = (size + 1) >> 1
        low = choose(time[low + half - 1] < clock, low + half, low)
        size -= half
    return low


@compiled
def write_lower_bounds(
    time: np.ndarray,
    base: int,
    low: np.ndarray,
    high: np.ndarray,
    clocks: np.ndarray,
    found: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Write where each of the sorted stretches ``low`` to ``high`` reaches its clock.

    Args:
        time: Seconds since ``base``, rising within a stretch.
        base: A tick.
        low: Where each stretch starts.
        high: Where it stops.
        clocks: Tick of each search.
        found: Receives the first place whose time is not below the clock.
        first: The first search to do.
        last: One after the last.
    """
    left = np.zeros(_SEARCHES, np.int64)
    size = np.zeros(_SEARCHES, np.int64)
    clock = np.zeros(_SEARCHES, np.int64)
    for block in range(first, last, _SEARCHES):
        count = min(_SEARCHES, last - block)
        longest = 0
        for b in range(count):
            left[b] = low[block + b]
            size[b] = max(high[block + b] - low[block + b], 0)
            clock[b] = clocks[block + b]
            longest = max(longest, size[b])
            prefetch(time, left[b] + ((size[b] + 1) >> 1) - 1)
        while longest > 0:
            # The last lanes may hold searches of the block before, which are over.
            for b in range(0, count, LANES):
                halve_lanes(time, base, clock, b, left, size, b)
                if longest > _LINE:
                    for j in range(b, b + LANES):
                        prefetch(time, left[j] + ((size[j] + 1) >> 1) - 1)
            longest >>= 1
        for b in range(count):
            found[block + b] = left[b]


def lower_bounds(
    time: np.ndarray,
    base: int,
    low: Int64[np.ndarray, " q"],
    high: Int64[np.ndarray, " q"],
    clocks: Int64[np.ndarray, " q"],
) -> Int64[np.ndarray, " q"]:
    """Return where each of the stretches ``low`` to ``high`` reaches its clock."""
    found = np.empty(len(low), np.int64)
    time, low, high, clocks = sealed(time, low, high, clocks)
    over_rows(
        lambda a, b: write_lower_bounds(time, base, low, high, clocks, found, a, b),
        len(low),
        grain=2048,
    )
    return found
