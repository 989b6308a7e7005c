"""Moments as people write them, to Unix seconds."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import cast

import numpy as np
import polars as pl
from jaxtyping import Int64

from tidegraph.data.times import TimeColumn
from tidegraph.errors import RequestError


def unix_seconds(
    times: object, count: int, what: str = "the clocks"
) -> Int64[np.ndarray, " count"]:
    """Return a moment for each of ``count`` rows.

    Args:
        times: Unix seconds, a datetime or ISO text; one for all, or one for each.
        count: How many are wanted.
        what: What messages call them.

    Raises:
        RequestError: There are more or fewer than wanted.
        DataError: One of them is no time.
    """
    alone = isinstance(times, (int, np.integer, float, str, date, datetime))
    values = cast(Sequence[object], [times] if alone else times)
    plain = np.asarray(values)
    if plain.dtype.kind in "iu":
        # Whole numbers are seconds here, never a year or milliseconds.
        found = plain.astype(np.int64)
    else:
        column = TimeColumn("time", what)
        column.add(pl.Series(values), 0)
        ticks = column.finish()
        found = np.floor_divide(ticks.when, ticks.per_second).astype(np.int64)
    if len(found) == 1 and alone:
        return np.full(count, found[0], np.int64)
    if len(found) != count:
        raise RequestError(
            f"{what} are {len(found)} times for {count} rows. Give one for each, or "
            "one for all."
        )
    return found
