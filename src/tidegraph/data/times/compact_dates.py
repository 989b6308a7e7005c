"""Dates written as one whole number, such as 20240501."""

import numpy as np
from jaxtyping import Num


def written_as_dates(when: Num[np.ndarray, " n"]) -> bool:
    """Whether every number reads as a year, or a date (with a clock) run together."""
    if when.dtype.kind != "i":
        return False
    if when.min() >= 1900 and when.max() <= 2200:
        return True
    return any(_dated(when // after) for after in (1, 10**4, 10**6))


def _dated(day: Num[np.ndarray, " n"]) -> bool:
    """Whether every number reads as year, month and day run together."""
    if day.min() < 19000101 or day.max() > 22001231:
        return False
    month, of_month = day // 100 % 100, day % 100
    good = (month >= 1) & (month <= 12) & (of_month >= 1) & (of_month <= 31)
    return bool(good.all())
