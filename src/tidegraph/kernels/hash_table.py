"""Tables of a fixed size that find a few whole numbers, however large they are."""

from typing import Any

import numpy as np

from tidegraph.kernels.jit import compiled

EMPTY = -1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_LATE = np.uint64(33)


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
