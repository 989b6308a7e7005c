"""Dates written as one whole number, such as 20240501."""

import numpy as np
from jaxtyping import Num


def written_as_dates(when: Num[np.ndarray, " n"]) -> bool:
    """Whether every number reads as a date run together.

    That is a year, a year with its month or its day (of 366), or a year, month and day,
    with a clock to the minute, second or millisecond or without.
    """
    if when.dtype.kind == "f":
        if (when != np.floor(when)).any():
            return False
        # A column that once had a gap, decimals, or text with ".0" behind.
        when = when.astype(np.int64)
    if _all_within(when, 1900, 2200):
        return True
    if _all_within(when, 190001, 220012) and _all_within(when % 100, 1, 12):
        return True
    if _all_within(when, 1900001, 2200366) and _all_within(when % 1000, 1, 366):
        return True
    return any(_is_date(when // after) for after in (1, 10**4, 10**6, 10**9))


def _is_date(day: Num[np.ndarray, " n"]) -> bool:
    """Whether every number reads as year, month and day run together."""
    return (
        _all_within(day, 19000101, 22001231)
        and _all_within(day // 100 % 100, 1, 12)
        and _all_within(day % 100, 1, 31)
    )


def _all_within(number: Num[np.ndarray, " n"], low: int, high: int) -> bool:
    return bool(number.min() >= low and number.max() <= high)
