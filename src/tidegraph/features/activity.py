"""How busy user and item were lately: gaps of the latest events, ages, counts."""

import numpy as np

from tidegraph.durations import DAY
from tidegraph.features.counting import log_gap
from tidegraph.features.reading import Rows
from tidegraph.kernels.binary_search import lower_bound
from tidegraph.kernels.jit import compiled

LATEST = (2, 3, 5)
"""Since which of an item's latest events the gaps are; its last has one elsewhere."""
WINDOWS = (7, 30, 90, 365)
"""Days of the windows that events are counted in."""
NEVER = float(np.log1p(3650))
"""The gap, log(1 + days), of what never happened: as if ten years ago."""

ITEM_NAMES = (
    *(f"item_gap_{n}" for n in LATEST),
    "item_age",
    *(f"item_count_{days}" for days in WINDOWS),
)
USER_NAMES = ("user_age", *(f"user_count_{days}" for days in WINDOWS))
NAMES = (*ITEM_NAMES, *USER_NAMES)
_OF_USER = len(ITEM_NAMES)


@compiled
def write_activity_columns(
    history: Rows,
    items: Rows,
    clocks: np.ndarray,
    item: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Write how busy user and item were lately, for requests ``first`` to ``last``."""
    of_user = np.zeros(1 + len(WINDOWS), np.float32)
    for row in range(first, last):
        clock, low, high = clocks[row], int(history.start[row]), int(history.stop[row])
        of_user[0] = log_gap(clock, history.time[low]) if high > low else NEVER
        _write_counts_in_windows(history.time, low, high, clock, of_user[1:])
        for place in range(item.shape[1]):
            i = item[row, place]
            if i < 0:
                continue
            cell = out[row, place]
            # As one slice, numba would compile a message for one of another length.
            for n in range(len(of_user)):
                cell[_OF_USER + n] = of_user[n]
            low, end = 0, 0
            if i < items.start.size:
                low = int(items.start[i])
                end = lower_bound(items.time, low, int(items.stop[i]), clock)
            for n, latest in enumerate(LATEST):
                there = end - latest >= low
                cell[n] = log_gap(clock, items.time[end - latest]) if there else NEVER
            cell[len(LATEST)] = log_gap(clock, items.time[low]) if end > low else NEVER
            _write_counts_in_windows(
                items.time, low, end, clock, cell[len(LATEST) + 1 : _OF_USER]
            )


@compiled
def _write_counts_in_windows(
    time: np.ndarray, low: int, high: int, clock: int, out: np.ndarray
) -> None:
    """Write log(1 + events) of each window before a clock."""
    for n, days in enumerate(WINDOWS):
        since = int(clock - days * DAY)
        out[n] = np.log1p(high - lower_bound(time, low, high, since))
