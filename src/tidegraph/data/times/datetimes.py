"""Datetimes of NumPy to ticks, in a unit that holds them."""

import numpy as np
from jaxtyping import Int64, Shaped

from tidegraph.data.times.ticks import PER_SECOND

LOST = int(np.iinfo(np.int64).max)
"""Stands for a datetime that 64 bits do not hold in seconds; beyond every bound."""
_FINER = ("ps", "fs", "as")


def own_ticks(
    when: Shaped[np.ndarray, "*shape"],
) -> tuple[Int64[np.ndarray, "*shape"], int]:
    """Return datetimes as ticks since 1970, and how many of those make a second.

    Ticks of their own unit, so that a day of the year 3000 is not counted in
    nanoseconds, of which 64 bits hold no more than 292 years. What is coarser than
    seconds is counted in those, what is finer than nanoseconds in these.

    Args:
        when: Datetimes of any unit, none of which is missing.
    """
    own = np.datetime_data(when.dtype)[0]
    unit = "ns" if own in _FINER else own if own in PER_SECOND else "s"
    found = when.astype(f"datetime64[{unit}]")
    ticks = found.astype(np.int64)
    if own not in _FINER:
        # NumPy says nothing where a number wraps around; it does not come back then.
        ticks = np.where(found.astype(when.dtype) == when, ticks, LOST)
    return ticks, PER_SECOND[unit]
