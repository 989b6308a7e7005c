"""Tables of a fixed size that find a few whole numbers, however large they are."""

from typing import Any

import numpy as np

from tidegraph.kernels.intrinsics import prefetch
from tidegraph.kernels.jit import compiled

EMPTY = -1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_LATE = np.uint64(33)
_LANES = 128  # Values whose places are asked for together.


@compiled
def _home_slot(held: np.ndarray, number: Any) -> Any:
    """Return where a number stands if nothing else stands there."""
    return np.int64((np.uint64(number) * _GOLDEN) >> _LATE) & (held.size - 1)


@compiled
def slot(held: np.ndarray, number: Any) -> int:
    """Return where a number from 0 on stands in a table, or the ``EMPTY`` place for it.

    The size of the table is a power of 2, and more than half of it stays empty.
    """
    last, at = held.size - 1, _home_slot(held, number)
    while held[at] != number and held[at] != EMPTY:
        at = (at + 1) & last
    return int(at)


@compiled
def is_new(held: np.ndarray, serial: int, number: Any) -> bool:
    """Put a number into the set ``serial``; return whether it was not in it yet.

    Sets are made one after the other in the same table, each under a serial above 0
    that none before it had, so that the table is never cleared.
    """
    last, entry = held.size - 1, (np.int64(serial) << 32) | np.int64(number)
    at = _home_slot(held, number)
    while held[at] >> 32 == serial:
        if held[at] == entry:
            return False
        at = (at + 1) & last
    held[at] = entry
    return True


@compiled
def number_by_appearance(edge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the different values from 0 in order of appearance; -1 stays.

    Returns:
        The number of each value, and where each number appeared first.
    """
    size = 16
    while size < 2 * edge.size:
        size *= 2
    # A value and its number side by side, so that both are in one line of memory.
    held = np.full(2 * size, -1, edge.dtype)
    place = np.full(edge.size, -1, np.int32)
    first = np.empty(edge.size, np.int64)
    home = np.empty(_LANES, np.int64)
    found = 0
    for block in range(0, edge.size, _LANES):
        lanes = min(_LANES, edge.size - block)
        for b in range(lanes):
            home[b] = 2 * ((np.int64(edge[block + b]) * 0x9E3779B1) & (size - 1))
            prefetch(held, home[b])
        for b in range(lanes):
            value, at = edge[block + b], home[b]
            if value < 0:
                continue
            while held[at] >= 0 and held[at] != value:
                at = (at + 2) & (2 * size - 1)
            if held[at] < 0:
                held[at], held[at + 1] = value, found
                first[found] = block + b
                found += 1
            place[block + b] = held[at + 1]
    return place, first[:found]
