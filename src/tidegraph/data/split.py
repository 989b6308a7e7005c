"""Which rows of a log are for learning and which for judging."""

import math
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any, cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32, Int64, Num

from tidegraph.arguments.conversion import shown
from tidegraph.data.times.clocks import Clock, moment_text
from tidegraph.data.times.compact_dates import written_as_dates
from tidegraph.data.times.datetimes import LOST, own_ticks
from tidegraph.data.times.faults import NotATimeError
from tidegraph.data.times.ticks import BEYOND, TimeColumn
from tidegraph.durations import DAY
from tidegraph.errors import DataError, LeakageError, type_of

Moment = str | int | float | date
"""A time: ISO 8601 text, Unix seconds, a date or a datetime; no zone means UTC."""
Days = int | float


_WRITE = "Write Unix seconds, a date, or ISO 8601 text like 2024-05-01T12:30:00Z."


def second_of(moment: object, what: str = "the cut") -> int:
    """Return the Unix second that a moment falls into; see ``exact_second``."""
    return math.floor(exact_second(moment, what))


def exact_second(moment: object, what: str) -> float:
    """Return a moment in Unix seconds, with the fraction of the one it falls into.

    Args:
        moment: ISO 8601 text, Unix seconds, a date or a datetime of the standard
            library, NumPy or pandas; no zone means UTC.
        what: What it is for, for messages.

    Raises:
        DataError: It is not a time, or text that reads as a date without dashes.
    """
    if isinstance(moment, np.generic | np.ndarray) and not np.ndim(cast(Any, moment)):
        scalar: Any = np.asarray(cast(Any, moment))
        dated = scalar.dtype.kind == "M" and not np.isnat(scalar)
        if dated and own_ticks(scalar)[0] == LOST:
            raise DataError(f"{what} is {scalar}, beyond what a time can be. {_WRITE}")
        # In nanoseconds NumPy's own value would be a number without its unit.
        scalar = scalar.astype("datetime64[us]") if scalar.dtype.kind == "M" else scalar
        moment = scalar.item()
    value = cast(object, moment)
    if isinstance(value, bool) or not isinstance(value, str | int | float | date):
        raise DataError(f"{what} is {_short_repr(value)}, not a time. {_WRITE}")
    column = TimeColumn("time", what, unit="s", historic=True)
    try:
        column.add(pl.Series([value]), range(1, 2))
        ticks = column.finish()
    except (OverflowError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{what} is {_short_repr(value)}, not a time. {_WRITE}"
        ) from error
    except NotATimeError as error:
        raise DataError(f"{what} {error.found}. {_WRITE}") from None
    # Datetimes come in microseconds. A number is seconds here, and never a year.
    if isinstance(value, str) and ticks.per_second == 1:
        _refuse_date(value, ticks.when, what)
    second, rest = divmod(ticks.when[0].item(), ticks.per_second)
    if second >= BEYOND and not isinstance(value, date):
        raise DataError(
            f"{what} is {_short_repr(value)}, no Unix second before the year 5138. "
            "Divide milliseconds by 1,000, or pass a datetime."
        )
    # The last nanosecond of a second must not be rounded to the next.
    next_one = math.nextafter(second + 1, second)
    return min(second + rest / ticks.per_second, next_one)


def _refuse_date(value: object, number: Num[np.ndarray, " n"], what: str) -> None:
    if written_as_dates(number):
        raise DataError(
            f"{what} is {_short_repr(value)}, which reads as a date and not as Unix "
            "seconds. Write it with dashes, like 2024-05-01, or pass a datetime."
        )


def _short_repr(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else type_of(value)


def position_of(
    moment: object,
    what: str = "the cut",
    mend: str = "Give the position at which a part begins, or use fractions=.",
) -> int:
    """Return the position that a moment of an order-only log names.

    Args:
        moment: A whole number of 64 bits.
        what: What it is for, for messages.
        mend: What to write instead, for messages.

    Raises:
        DataError: It is no such number.
    """
    moment = cast(Any, moment)
    whole = isinstance(moment, int | np.integer) and not isinstance(moment, bool)
    if not whole or not -(2**63) <= cast(int, moment) < 2**63:
        raise DataError(
            f"{what} is {_short_repr(cast(object, moment))}, but this log has "
            f"positions and not seconds. {mend}"
        )
    return int(cast(int, moment))


def first_at(
    time: Int64[np.ndarray, " n"], moment: object, clock: Clock = "seconds"
) -> int:
    """Return the first row with a time of at least a moment.

    Raises:
        DataError: It is no moment of a log with this clock, or a number that reads as a
            date and lies before all of them.
    """
    if clock != "seconds":
        return int(np.searchsorted(time, position_of(moment, "time")))
    value = cast(Any, moment)
    number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    # A log counts as it counts: what lies within it is a time of its own.
    if not (number and len(time) and time[0] <= value <= time[-1] + 1):
        second = second_of(moment, "time")
        if number and len(time) and second < time[0]:
            _refuse_date(moment, np.array([second]), "time")
        value = second
    return int(np.searchsorted(time, cast(int, value)))


def time_cuts(
    time: Int64[np.ndarray, " n"], cuts: Sequence[object], clock: Clock = "seconds"
) -> list[int]:
    """Return the first row of every part after the first; a part begins at its cut.

    Raises:
        LeakageError: The cuts do not increase.
        DataError: A part would be empty.
    """
    placed = second_of if clock == "seconds" else position_of
    moments = [placed(cut) for cut in cuts]
    for earlier, later in pairwise(moments):
        if earlier >= later:
            raise LeakageError(
                f"the cut {moment_text(later, clock)} does not come after "
                f"{moment_text(earlier, clock)}, so train would hold the future of "
                "test. Give the cuts in time order."
            )
    starts = [int(np.searchsorted(time, moment)) for moment in moments]
    _refuse_empty_parts(starts, time, clock)
    return starts


def fraction_cuts(
    time: Int64[np.ndarray, " n"],
    fractions: Sequence[float],
    clock: Clock = "seconds",
) -> list[int]:
    """Return the first row of every part after the first, by shares of the events.

    A cut that would fall between events of one second moves to the first of them.

    Raises:
        DataError: The shares are not between 0 and 1, or a part would be empty.
    """
    _check_fractions(fractions)
    rows = np.round(np.cumsum(fractions) * len(time)).astype(np.int64)
    rows = np.minimum(rows, max(0, len(time) - 1))
    starts = np.searchsorted(time, time[rows]).tolist() if len(time) else [0]
    _refuse_empty_parts(starts, time, clock)
    return starts


def count_later_events(user: Int32[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return how many events of the same user follow each event in row order."""
    order = np.argsort(user, kind="stable")
    ends = np.cumsum(np.bincount(user))
    places = np.empty(len(user), np.int64)
    places[order] = ends[user[order]] - 1 - np.arange(len(user))
    return places


def is_nth_last_event(
    user: Int32[np.ndarray, " n"], place: int, at_least: int
) -> Bool[np.ndarray, " n"]:
    """Return which rows have exactly ``place`` later events of their user.

    Users with fewer than ``at_least`` events have none such.
    """
    enough = np.bincount(user) >= at_least
    return (count_later_events(user) == place) & enough[user]


def last_rows_of_users(user: Int32[np.ndarray, " n"], k: int) -> Bool[np.ndarray, " n"]:
    """Return the last ``k`` rows of each user who has more than that.

    Raises:
        DataError: ``k`` is below 1, or no user has more than ``k`` events.
    """
    if k < 1:
        raise DataError(f"leave_last(k={k}) would leave nothing out. Choose k >= 1.")
    chosen = (count_later_events(user) < k) & (np.bincount(user) > k)[user]
    if not chosen.any():
        raise DataError(
            f"no user has more than {k} events, so none can be left out. "
            "Use a smaller k, or split by time."
        )
    return chosen


def random_parts(
    user: Int32[np.ndarray, " n"],
    fractions: Sequence[float],
    rng: np.random.Generator,
) -> list[Bool[np.ndarray, " n"]]:
    """Return the rows of each part, drawn at random among the events of each user.

    Every part but the first has its share of a user's events, rounded; the first has
    the rest, which is at least one.

    Raises:
        DataError: The shares are not between 0 and 1, or a part would be empty.
    """
    _check_fractions(fractions)
    order = rng.permutation(len(user))
    place = np.empty(len(user), np.int64)
    place[order] = count_later_events(user[order])
    events = np.bincount(user)[user]
    stop = np.round(np.cumsum(fractions) * events[:, None]).astype(np.int64)
    stop = np.maximum(stop, 1)
    part = (place[:, None] >= stop).sum(axis=1)
    parts = [part == number for number in range(len(fractions) + 1)]
    for number, rows in enumerate(parts, 1):
        if not rows.any():
            raise DataError(
                f"part {number} of {len(parts)} of the random split has no event: the "
                f"user with most has {max([0, *events.tolist()])}. "
                "Make its share larger."
            )
    return parts


def windows(
    time: Int64[np.ndarray, " n"],
    window_days: int | float,
    step_days: int | float,
    folds: int,
) -> list[tuple[int, int]]:
    """Return first and past-the-last row of each test window, oldest first.

    The last window ends with the log.

    Raises:
        DataError: A setting is not above 0, or a window or what precedes it is empty.
    """
    if not 0 < min(window_days, step_days, folds) <= max(window_days, step_days) < 1e6:
        raise DataError(
            f"window_days={window_days}, step_days={step_days} and folds={folds} must "
            "all be above 0, and the days below a million."
        )
    if not len(time):
        raise DataError("the log is empty, so it has no windows. Read some events.")
    end = int(time[-1]) + 1
    back = np.arange(folds - 1, -1, -1) * step_days * DAY
    before = end - np.round(back).astype(np.int64)
    since = before - round(window_days * DAY)
    spans = np.searchsorted(time, np.stack([since, before], axis=1)).tolist()
    for fold, (start, stop) in enumerate(spans):
        if start == 0 or start == stop:
            raise DataError(
                f"window {fold + 1} of {folds}, from {moment_text(int(since[fold]))}, "
                f"{'has no event before' if start == 0 else 'has no event in'} it; the "
                f"log runs from {_span_text(time, 'seconds')}. "
                "Use fewer folds, or shorter windows and steps."
            )
    return [(start, stop) for start, stop in spans]


def _check_fractions(fractions: Sequence[float]) -> None:
    if not fractions or min(fractions) <= 0 or sum(fractions) >= 1:
        raise DataError(
            f"fractions are {tuple(fractions)}; each must be above 0 and their sum "
            "below 1, as the last part takes the rest: (0.9,) makes two parts."
        )


def _refuse_empty_parts(
    starts: Sequence[int], time: Int64[np.ndarray, " n"], clock: Clock
) -> None:
    edges = [0, *starts, len(time)]
    for part, (start, stop) in enumerate(pairwise(edges), 1):
        if start == stop:
            span = "the log is empty"
            if len(time):
                span = f"it runs from {_span_text(time, clock)}"
            raise DataError(
                f"part {part} of {len(edges) - 1} of the split has no event: {span}, "
                f"{len(time)} in all. Move the cuts."
            )


def _span_text(time: Int64[np.ndarray, " n"], clock: Clock) -> str:
    return f"{moment_text(int(time[0]), clock)} to {moment_text(int(time[-1]), clock)}"


def check_rows(rows: Any, count: int) -> None:
    """Refuse what names no rows of a log of ``count`` events."""
    if isinstance(rows, slice):
        return
    if isinstance(rows, np.ndarray):
        given = cast(Any, rows)
        mask = given.dtype.kind == "b" and given.shape == (count,)
        numbers = given.dtype.kind in "iu" and given.ndim == 1
        if mask or (numbers and not ((given >= count) | (given < -count)).any()):
            return
    raise DataError(
        f"rows is {shown(cast(object, rows))}, and the log has {count} events. Pass a "
        "slice, a mask of that length, or an array of increasing row numbers."
    )
