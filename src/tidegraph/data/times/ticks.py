"""Times of any spelling to ticks since 1970 in UTC, with rules that never guess.

Numbers below 1e11 in size are Unix seconds (until the year 5138), below 1e14
milliseconds, below 1e17 microseconds, else nanoseconds; the whole column must fall into
one class, and whole numbers, of any type, that all read as years, months, dates or
dates with a clock, such as 2024, 202405, 20240501 or 20240501123000, are refused.
Text is ISO 8601 or another spelling that ``tidegraph.data.times.spellings`` lists, or
what the caller's pattern says; where the day and the month could change places, the
whole column decides. What names no zone is UTC.
"""

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import polars as pl
from jaxtyping import Num

from tidegraph.data.invisible import stripped
from tidegraph.data.origin import Rows, concatenated
from tidegraph.data.times.compact_dates import written_as_dates
from tidegraph.data.times.day_month import DayMonth
from tidegraph.data.times.faults import NotATimeError, as_written, first_fault
from tidegraph.data.times.spellings import (
    Layout,
    day_first_pattern,
    given_layout,
    layout_of,
)
from tidegraph.errors import ConfigError, DataError

TimeUnit = Literal["s", "ms", "us", "ns"]
LogUnit = Literal["s", "ms", "us", "ns", "order"]
"""A unit of times, or "order" where they are positions."""

PER_SECOND: dict[TimeUnit, int] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
BEYOND = 1e11
"""No Unix second is this large before the year 5138."""
_BELOW: tuple[tuple[float, TimeUnit], ...] = ((BEYOND, "s"), (1e14, "ms"), (1e17, "us"))
_NAMES: dict[TimeUnit, str] = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}
_MEND = (
    "Write Unix seconds or ISO 8601, like 2024-05-01T12:30:00Z, or pass time_format=."
)


@dataclass(frozen=True, eq=False)
class Ticks:
    """The times of a log at full resolution.

    Attributes:
        when: Ticks since 1970 began in UTC, negative before it.
        per_second: How many ticks make a second.
    """

    when: Num[np.ndarray, " n"]
    per_second: int


class TimeColumn:
    """Collects one time column batch by batch.

    Args:
        name: Name of the column, for messages.
        where: Name of the source, for messages.
        unit: Unit of numbers, or "order" where they are positions; found by their size
            if left out.
        spelt: How times in text are written, as a pattern of ``strptime``; found if
            left out.
        historic: May numbers of no named unit be below 0? Dates may be before 1970 in
            any case.

    Raises:
        ConfigError: ``unit`` is none, or ``spelt`` does not tell a time.
    """

    def __init__(
        self,
        name: str,
        where: str,
        unit: LogUnit | None = None,
        spelt: str | None = None,
        *,
        historic: bool = False,
    ) -> None:
        check_unit(unit)
        self._name, self._where, self._spelt = name, where, spelt
        self._layout = None if spelt is None else given_layout(spelt)
        self._parts: list[np.ndarray] = []
        self._rows: list[Rows] = []
        self._by_month: dict[int, np.ndarray] = {}
        self._order = DayMonth()
        self._kind: str | None = None
        self._positions = unit == "order"
        # Whoever says what numbers count means times, and no word for unknown.
        self._signed = historic or unit is not None
        self._known: TimeUnit | None = None if unit == "order" else unit

    def add(self, times: pl.Series, rows: Rows) -> None:
        """Take the times of the next rows.

        Args:
            times: Numbers, dates, datetimes, or text that spells one of them.
            rows: The numbers that messages give to them.

        Raises:
            DataError: A time is missing, negative, not finite, or does not parse.
        """
        missing = times.is_null()
        if missing.any():
            row = int(missing.arg_true()[0])
            raise self._time_error(rows[row], "is missing", "Drop the row or date it.")
        if times.dtype == pl.Null or not len(times):
            return
        shown, by_month = times, None
        if self._layout is not None:
            times = self._text_for_format(times)
        if isinstance(times.dtype, (pl.String, pl.Categorical, pl.Enum)):
            times, by_month = self._parse_text(times.cast(pl.String), rows)
        if times.dtype == pl.Date:
            times = self._midnights(times, rows)
        kind = "number" if times.dtype.is_numeric() else str(times.dtype)
        if self._kind not in (None, kind):
            raise self._time_error(
                rows[0], f"is {as_written(shown, 0)}, unlike the times above", _MEND
            )
        self._kind = kind
        if isinstance(times.dtype, pl.Datetime):
            self._known = cast(TimeUnit, times.dtype.time_unit)
        values = self._to_ticks(times, shown)
        signed = self._signed or kind != "number"
        if fault := first_fault(values, shown, signed=signed, whole=self._positions):
            raise self._time_error(rows[fault.row], fault.found, fault.mend)
        if by_month is not None and by_month is not times:
            self._by_month[len(self._parts)] = self._to_ticks(by_month, shown)
        self._parts.append(values)
        self._rows.append(rows)
        if self._order.known:
            self._resolve_day_order()

    def finish(self) -> Ticks:
        """Return the whole column.

        Raises:
            DataError: The numbers mix units, or look like dates without dashes; or
                neither day nor month is known to come first.
        """
        self._resolve_day_order()
        when = np.concatenate(self._parts)
        self._parts.clear()
        if self._positions:
            return Ticks(when, 1)
        if self._known is not None:
            return Ticks(when, PER_SECOND[self._known])
        low, high = int(np.abs(when).argmin()), int(np.abs(when).argmax())
        unit = _unit_of(float(when[high]))
        if _unit_of(float(when[low])) != unit:
            rows = concatenated(self._rows)
            raise DataError(
                f"{self._where}: column {self._name!r} mixes units: {when[low]} in row "
                f"{rows[low]} reads as {_NAMES[_unit_of(float(when[low]))]} and "
                f"{when[high]} in row {rows[high]} as {_NAMES[unit]}. Use one unit, or "
                "name it with time_unit=."
            )
        if written_as_dates(when):
            raise DataError(
                f"{self._where}: column {self._name!r} holds {when[0]}, which may be a "
                f"date or Unix time. Pass time_format=, such as '%Y%m%d', if these are "
                f"dates, or time_unit='{unit}' if they are {_NAMES[unit]}."
            )
        return Ticks(when, PER_SECOND[unit])

    def _resolve_day_order(self) -> None:
        """Keep one reading of the dates whose day and month could change places."""
        order = self._order
        if order.day and order.month:
            raise DataError(
                f"{self._where}: column {self._name!r} has the day first in row "
                f"{order.day.row} ({order.day.text!r}) and the month first in row "
                f"{order.month.row} ({order.month.text!r}). Write one or the other."
            )
        if not order.known and order.either:
            row, text = order.either
            raise DataError(
                f"{self._where}: {text!r} in row {row} of column {self._name!r} may "
                f"have the day or the month first, and no row decides it. Pass "
                f"time_format={day_first_pattern(text)!r}, or %m before %d."
            )
        if order.month_first:
            for part, values in self._by_month.items():
                self._parts[part] = values
        self._by_month.clear()

    def _to_ticks(self, times: pl.Series, shown: pl.Series) -> np.ndarray:
        if self._positions and not times.dtype.is_numeric():
            raise DataError(
                f"{self._where}: column {self._name!r} holds {as_written(shown, 0)}, "
                "and positions are numbers. Leave out time_unit='order' if these are "
                "times."
            )
        if isinstance(times.dtype, pl.Datetime):
            return times.to_physical().to_numpy()
        if not times.dtype.is_numeric():
            raise DataError(
                f"{self._where}: column {self._name!r} holds {times.dtype}, not times. "
                f"{_MEND}"
            )
        whole = times.cast(pl.Int64, strict=False)
        if times.dtype.is_integer() and not whole.null_count():
            return whole.to_numpy()
        return times.cast(pl.Float64).to_numpy()

    def _midnights(self, dates: pl.Series, rows: Rows) -> pl.Series:
        """Return the midnights of dates, which a database's infinity has not."""
        far = dates.dt.year().is_null()
        if far.any():
            row, found = int(far.arg_true()[0]), "is beyond what a time can be"
            raise self._time_error(rows[row], found, "Mend or drop the row.")
        return dates.cast(pl.Datetime("us"))

    def _text_for_format(self, times: pl.Series) -> pl.Series:
        """Return what a given pattern reads: text, or whole numbers as they are."""
        if times.dtype.is_float() or times.dtype.is_decimal():
            whole = times.cast(pl.Int64, strict=False)
            times = whole if bool(whole.eq_missing(times).all()) else times
        if times.dtype.is_temporal() or times.dtype == pl.Boolean:
            raise DataError(
                f"{self._where}: column {self._name!r} holds {times.dtype}, and "
                "time_format= is for text. Leave it out."
            )
        return times.cast(pl.String)

    def _parse_text(
        self, texts: pl.Series, rows: Rows
    ) -> tuple[pl.Series, pl.Series | None]:
        """Return text as numbers or datetimes, whichever the first row spells.

        Datetimes come a second time with the month first, if that may be meant.
        """
        texts = stripped(texts)
        if self._layout is not None:
            return self._read_by_layout(texts, self._layout, rows), None
        if texts[:1].cast(pl.Float64, strict=False).null_count():
            return self._parse_datetimes(texts, rows)
        numbers = texts.cast(pl.Int64, strict=False)
        if numbers.null_count():
            numbers = texts.cast(pl.Float64, strict=False)
        if numbers.null_count():
            row = int(numbers.is_null().arg_true()[0])
            raise self._time_error(rows[row], f"is {texts[row]!r}, not a number", _MEND)
        return numbers, None

    def _read_by_layout(
        self, texts: pl.Series, layout: Layout, rows: Rows
    ) -> pl.Series:
        times = layout.read(texts)[0]
        if times.null_count():
            row = int(times.is_null().arg_true()[0])
            raise self._time_error(
                rows[row],
                f"is {texts[row]!r}, which does not fit time_format={self._spelt!r}",
                "Mend one of the two.",
            )
        return times

    def _parse_datetimes(
        self, texts: pl.Series, rows: Rows
    ) -> tuple[pl.Series, pl.Series]:
        by_day = by_month = pl.Series([], dtype=pl.Datetime("us", "UTC"))
        left = np.arange(len(texts))
        while len(left):
            whole = len(left) == len(texts)
            rest = texts if whole else texts.gather(pl.Series(left))
            layout = layout_of(rest[0])
            if layout is None or not layout.fits(rest[0]):
                raise self._time_error(
                    rows[int(left[0])], f"is {rest[0]!r}, not a time", _MEND
                )
            day, month = layout.read(rest)
            by_day = day if whole else by_day.clone().scatter(left, day)
            by_month = month if whole else by_month.clone().scatter(left, month)
            left = np.flatnonzero((by_day.is_null() & by_month.is_null()).to_numpy())
        if by_month is by_day:
            return by_day, by_day
        self._order.see(by_day, by_month, texts, rows)
        return by_day.fill_null(by_month), by_month.fill_null(by_day)

    def _time_error(self, row: int | np.integer, found: str, mend: str) -> DataError:
        where = f"{self._where}, row {row}: the time in column {self._name!r}"
        return NotATimeError(where, found, mend)


def check_unit(unit: str | None) -> None:
    """Raise ConfigError if a unit of times is none."""
    if unit is not None and unit not in (*PER_SECOND, "order"):
        raise ConfigError(
            f"time_unit is {unit!r}; it can be {', '.join(PER_SECOND)}, or 'order' for "
            "positions."
        )


def _unit_of(value: float) -> TimeUnit:
    for limit, unit in _BELOW:
        if abs(value) < limit:
            return unit
    return "ns"
