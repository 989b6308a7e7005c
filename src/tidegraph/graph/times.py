"""Moments as people write them, to the ticks that a graph counts in, and back."""

from datetime import date
from typing import Any, Literal, cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64, Num

from tidegraph.arguments import checked
from tidegraph.data.times.datetimes import own_ticks
from tidegraph.data.times.ticks import BEYOND, PER_SECOND, TimeColumn
from tidegraph.durations import DAY
from tidegraph.errors import ConfigError, RequestError

Tick = Literal["s", "ms", "us"]
"""What a graph counts time in: Unix seconds, or thousandths or millionths of one."""
TICKS: dict[Tick, str] = {"s": "seconds", "ms": "milliseconds", "us": "microseconds"}
_ALONE = (str, date, np.datetime64)
_EVER = int(np.iinfo(np.int64).max)


def check_tick(tick: str) -> None:
    """Raise ConfigError if a graph cannot count in a unit."""
    if tick not in TICKS:
        raise ConfigError(
            f"tick is {tick!r}, and a graph counts in {', '.join(map(repr, TICKS))}."
        )


def ticks_of(
    when: Num[np.ndarray, " n"], per_second: int, tick: Tick
) -> Int64[np.ndarray, " n"]:
    """Return the tick that each time is at or, if it lies between two, the earlier.

    A fraction is at a tick if it is the number nearest to it. Microseconds are as fine
    as a fraction of today's seconds can say, so there the nearest tick is taken.

    Args:
        when: Times since 1970 in any unit, below the year 5138.
        per_second: How many of that unit make a second.
        tick: What is counted.
    """
    if when.dtype.kind != "f" and per_second == PER_SECOND[tick]:
        return when.astype(np.int64)
    return ticks_and_misfits(when, per_second, tick)[0]


def ticks_and_misfits(
    when: Num[np.ndarray, " n"], per_second: int, tick: Tick
) -> tuple[Int64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Return the tick of each time, and which times lie between two ticks."""
    finer, coarser = _units_per_tick(per_second, tick)
    if when.dtype.kind == "f":
        scaled = when.astype(np.float64) * finer / coarser
        nearest = np.rint(scaled)
        between = (nearest * coarser / finer != when) & (tick != "us")
        return np.where(between, np.floor(scaled), nearest).astype(np.int64), between
    if coarser == 1:
        whole = when.astype(np.int64)
        return whole if finer == 1 else whole * finer, np.zeros(len(when), np.bool_)
    whole = np.floor_divide(when, coarser).astype(np.int64)
    return whole, whole * coarser != when


def longest_tick(when: Num[np.ndarray, " n"], per_second: int) -> Tick | None:
    """Return the longest tick that no time lies within; none if each is too long."""
    for tick in TICKS:
        if not ticks_and_misfits(when, per_second, tick)[1].any():
            return tick
    return None


def _units_per_tick(per_second: int, tick: Tick) -> tuple[int, int]:
    """Return how many ticks a unit has, and how many of that unit a tick has."""
    into = PER_SECOND[tick]
    return max(1, into // per_second), max(1, per_second // into)


def seconds_of(ticks: Int64[np.ndarray, " n"], tick: Tick) -> Num[np.ndarray, " n"]:
    """Return ticks as Unix seconds: with a fraction where a graph counts finer.

    Exact for 285 years around 1970.
    """
    return ticks if tick == "s" else ticks / PER_SECOND[tick]


def span_of(between: tuple[object, object], tick: Tick) -> tuple[int, int]:
    """Return the first tick of a span of time, and the one behind its last.

    Args:
        between: From the first moment on and before the second: Unix seconds,
            datetimes or ISO text; none for an open end.
        tick: What the graph counts in.

    Raises:
        RequestError: They are not two.
        DataError: One of them is no time.
    """
    if isinstance(between, str) or len(between) != 2:
        raise RequestError(
            f"between is {between!r}; give two moments, None for an open end."
        )
    first, last = (
        int(moments(moment, 1, tick, "between")[0]) if moment is not None else end
        for moment, end in zip(between, (-_EVER, _EVER), strict=True)
    )
    return first, last


def moments(
    times: object, count: int, tick: Tick = "s", what: str = "the clocks"
) -> Int64[np.ndarray, " count"]:
    """Return the clock of each of ``count`` rows, in ticks.

    Args:
        times: Unix seconds, a datetime or ISO text; one for all, or one for each. What
            lies between two ticks counts as the earlier.
        count: How many are wanted.
        tick: What the graph counts in.
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
        found = _ticks_of_values(values, tick, what)
    if len(found) == 1 and alone:
        return np.full(count, found[0], np.int64)
    if len(found) != count:
        raise RequestError(
            f"{what} are {len(found)} times for {count} rows. Give one for each, or "
            "one for all."
        )
    return found


@checked(ConfigError)
def window(
    days: int | float = 0, hours: int | float = 0, seconds: int | float = 0
) -> int | float:
    """Return the seconds of a window of days, hours and seconds.

    Raises:
        ConfigError: It is empty, or no number.
    """
    # To the microsecond, since 0.7 days are 60,479.99999999999 seconds as a product.
    span = round(days * DAY + hours * 3_600 + seconds, 6)
    if not 1e-6 <= span < BEYOND:
        raise ConfigError(
            f"within({span} seconds) holds nothing or everything; say days, hours or "
            "seconds."
        )
    return int(span) if span == int(span) else span


def lasts_longer(ticks: int, seconds: int | float, tick: Tick) -> bool:
    """Do so many ticks last longer than a number of seconds?

    A fraction lasts as long as the ticks that it is the number nearest to.
    """
    return ticks / PER_SECOND[tick] > seconds


def whole_ticks_in(seconds: int | float, tick: Tick) -> int:
    """Return the most ticks that last no longer than a number of seconds."""
    nearest = round(seconds * PER_SECOND[tick])
    return nearest - lasts_longer(nearest, seconds, tick)


def ticks_in(seconds: int | float, tick: Tick) -> int:
    """Return the whole ticks of a window.

    Raises:
        ConfigError: It is shorter than one.
    """
    whole = whole_ticks_in(seconds, tick)
    if whole < 1:
        raise ConfigError(
            f"within({seconds} seconds) holds nothing in a graph that counts "
            f"{TICKS[tick]}. Make the graph with a finer tick, such as "
            "tg.Graph(tick='us')."
        )
    return whole


def _ticks_of_values(values: Any, tick: Tick, what: str) -> Int64[np.ndarray, " n"]:
    try:
        plain = np.asarray(values)
    except ValueError as error:
        raise RequestError(f"{what} {values!r} are no times: {error}.") from error
    if plain.dtype.kind == "M" and not isinstance(values, pl.Series):
        if bool(np.isnat(plain).any()):
            raise RequestError(f"{what}: a time is missing. Drop it or give one.")
        own, per_second = own_ticks(plain)
        _check_unix_seconds(np.floor_divide(own, per_second), what)
        return ticks_of(own, per_second, tick)
    if plain.dtype.kind in "iuf":
        _check_unix_seconds(plain, what)
        # These are seconds here: never a year or milliseconds.
        return ticks_of(plain, 1, tick)
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
    found = times.finish()
    return ticks_of(found.when, found.per_second, tick)


def _check_unix_seconds(seconds: np.ndarray, what: str) -> None:
    if seconds.min(initial=0) > -BEYOND and seconds.max(initial=0) < BEYOND:
        return  # NaN is neither.
    bad = np.flatnonzero(~(np.abs(seconds.astype(np.float64)) < BEYOND))
    if len(bad):
        raise RequestError(
            f"{what}: {seconds[bad[0]]} is no Unix second before the year 5138. Divide "
            "milliseconds by 1,000, or pass datetimes."
        )
