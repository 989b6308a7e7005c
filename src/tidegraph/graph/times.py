"""Moments as people write them, to Unix seconds."""

from datetime import date
from typing import Any, cast

import numpy as np
import polars as pl
from jaxtyping import Int64

from tidegraph.data.times.ticks import BEYOND, TimeColumn
from tidegraph.errors import ConfigError, RequestError

_ALONE = (str, date, np.datetime64)


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
    alone = isinstance(times, _ALONE) or np.ndim(cast(Any, times)) == 0
    values = cast(Any, [times] if alone else times)
    if not alone and not len(values):
        found = np.zeros(0, np.int64)
    else:
        found = _seconds(values, what)
    if len(found) == 1 and alone:
        return np.full(count, found[0], np.int64)
    if len(found) != count:
        raise RequestError(
            f"{what} are {len(found)} times for {count} rows. Give one for each, or "
            "one for all."
        )
    return found


def window(
    days: int | float = 0, hours: int | float = 0, seconds: int | float = 0
) -> int:
    """Return the seconds of a window.

    Raises:
        ConfigError: It is empty, or no number.
    """
    span = days * 86_400 + hours * 3_600 + seconds
    if not 1 <= span < BEYOND:
        raise ConfigError(
            f"within({span} seconds) holds nothing or everything; say days, hours or "
            "seconds."
        )
    return int(span)


def _seconds(values: Any, what: str) -> Int64[np.ndarray, " n"]:
    try:
        plain = np.asarray(values)
    except ValueError as error:
        raise RequestError(f"{what} {values!r} are no times: {error}.") from error
    if plain.dtype.kind == "M" and not isinstance(values, pl.Series):
        if bool(np.isnat(plain).any()):
            raise RequestError(f"{what}: a time is missing. Drop it or give one.")
        return plain.astype("datetime64[s]").astype(np.int64)
    if plain.dtype.kind in "iuf":
        return _numbers(plain, what)
    try:
        column = pl.Series(values)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise RequestError(
            f"{what} {values!r} are no times. Give Unix seconds, datetimes or ISO text."
        ) from error
    times = TimeColumn("time", what, historic=True)
    times.add(column, range(len(column)))
    if column.dtype == pl.Null:
        raise RequestError(f"{what}: a time is missing. Drop it or give one.")
    ticks = times.finish()
    return np.floor_divide(ticks.when, ticks.per_second).astype(np.int64)


def _numbers(plain: np.ndarray, what: str) -> Int64[np.ndarray, " n"]:
    """Return plain numbers, which are seconds here: never a year or milliseconds."""
    bad = np.flatnonzero(~(np.abs(plain.astype(np.float64)) < BEYOND))
    if len(bad):
        raise RequestError(
            f"{what}: {plain[bad[0]]} is no Unix second before the year 5138. Divide "
            "milliseconds by 1,000, or pass datetimes."
        )
    return np.floor(plain).astype(np.int64)
