"""Times of any spelling to ticks since 1970 in UTC, with rules that never guess.

Numbers below 1e11 in size are Unix seconds (until the year 5138), below 1e14
milliseconds, below 1e17 microseconds, else nanoseconds; the whole column must fall into
one class, and whole numbers that all read as years, dates or dates with a clock, such
as 2024, 20240501 or 20240501123000, are refused.
Text is ISO 8601, with or without a zone. What names no zone is UTC.
"""

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import polars as pl
from jaxtyping import Num

from tidegraph.errors import DataError

TimeUnit = Literal["s", "ms", "us", "ns"]

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
_FORMATS = (
    *(
        f"%Y-%m-%d{gap}{clock}{zone}"
        for zone in ("", "%#z", " %#z", " UTC")
        for gap in ("T", " ")
        for clock in ("%H:%M:%S%.f", "%H:%M")
    ),
    "%Y-%m-%d",
)
_LATEST = 9.2e18
_MEND = "Write Unix seconds or ISO 8601, like 2024-05-01T12:30:00Z."


@dataclass(frozen=True, eq=False)
class Ticks:
    """The times of a log at full resolution.

    Attributes:
        when: Ticks since 1970 began in UTC, none negative.
        per_second: How many ticks make a second.
    """

    when: Num[np.ndarray, " n"]
    per_second: int


class TimeColumn:
    """Collects one time column batch by batch.

    Args:
        name: Name of the column, for messages.
        where: Name of the source, for messages.
        unit: Unit of numbers; found by their size if left out.
    """

    def __init__(self, name: str, where: str, unit: TimeUnit | None = None) -> None:
        self._name, self._where = name, where
        self._parts: list[np.ndarray] = []
        self._kind: str | None = None
        self._known: TimeUnit | None = unit

    def add(self, times: pl.Series, first_row: int) -> None:
        """Take the times of the next rows.

        Args:
            times: Numbers, dates, datetimes, or text that spells one of them.
            first_row: The number that messages give to the first of them.

        Raises:
            DataError: A time is missing, negative, not finite, or does not parse.
        """
        missing = times.is_null()
        if missing.any():
            row = int(missing.arg_true()[0])
            raise self._bad(first_row + row, "is missing", "Drop the row or date it.")
        if times.dtype == pl.Null or not len(times):
            return
        if isinstance(times.dtype, (pl.String, pl.Categorical, pl.Enum)):
            times = self._parse(times.cast(pl.String), first_row)
        if times.dtype == pl.Date:
            times = times.cast(pl.Datetime("us"))
        kind = "number" if times.dtype.is_numeric() else str(times.dtype)
        if self._kind not in (None, kind):
            raise self._bad(
                first_row, f"is {times[0]!r}, unlike the times above", _MEND
            )
        self._kind = kind
        if isinstance(times.dtype, pl.Datetime):
            self._known = cast(TimeUnit, times.dtype.time_unit)
        values = self._ticks(times)
        self._check(values, first_row)
        self._parts.append(values)

    def finish(self) -> Ticks:
        """Return the whole column.

        Raises:
            DataError: The numbers mix units, or look like dates without dashes.
        """
        when = np.concatenate(self._parts)
        self._parts.clear()
        if self._known is not None:
            return Ticks(when, PER_SECOND[self._known])
        low, high = int(when.argmin()), int(when.argmax())
        unit = _unit_of(float(when[high]))
        if _unit_of(float(when[low])) != unit:
            raise DataError(
                f"{self._where}: column {self._name!r} mixes units: {when[low]} in row "
                f"{low + 1} reads as {_NAMES[_unit_of(float(when[low]))]} and "
                f"{when[high]} in row {high + 1} as {_NAMES[unit]}. Use one unit, or "
                "name it with time_unit=."
            )
        if _written_as_dates(when):
            raise DataError(
                f"{self._where}: column {self._name!r} holds {when[0]}, which may be a "
                f"date or Unix time. Write 2024-05-01, or pass time_unit='{unit}' if "
                f"these are {_NAMES[unit]}."
            )
        return Ticks(when, PER_SECOND[unit])

    def _ticks(self, times: pl.Series) -> np.ndarray:
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

    def _parse(self, texts: pl.Series, first_row: int) -> pl.Series:
        """Return text as numbers or datetimes, whichever the first row spells."""
        texts = texts.str.strip_chars()
        numbers = texts.cast(pl.Int64, strict=False)
        if numbers.null_count():
            numbers = texts.cast(pl.Float64, strict=False)
        if numbers.null_count() == 0:
            return numbers
        if numbers[0] is not None:
            row = int(numbers.is_null().arg_true()[0])
            raise self._bad(first_row + row, f"is {texts[row]!r}, not a number", _MEND)
        return self._parse_datetimes(texts, first_row)

    def _parse_datetimes(self, texts: pl.Series, first_row: int) -> pl.Series:
        done = pl.Series([], dtype=pl.Datetime("us", "UTC")).clear(len(texts))
        left = np.arange(len(texts))
        while len(left):
            rest = texts.gather(pl.Series(left)) if len(left) < len(texts) else texts
            row = int(left[0])
            spelt = next((f for f in _FORMATS if _reads(rest[:1], f)[0]), None)
            if spelt is None:
                raise self._bad(first_row + row, f"is {rest[0]!r}, not a time", _MEND)
            parsed = _reads(rest, spelt)
            done = parsed if len(left) == len(texts) else done.scatter(left, parsed)
            left = np.flatnonzero(done.is_null().to_numpy())
        return done

    def _check(self, values: np.ndarray, first_row: int) -> None:
        for bad, what in (
            (~np.isfinite(values), "not a finite number"),
            (values < 0, "before 1970"),
            (values > _LATEST, "beyond what a time can be"),
        ):
            if bad.any():
                row = int(bad.argmax())
                found = f"is {values[row]}, {what}"
                raise self._bad(first_row + row, found, "Mend or drop the row.")

    def _bad(self, row: int, found: str, mend: str) -> DataError:
        return DataError(
            f"{self._where}, row {row}: the time in column {self._name!r} {found}. "
            f"{mend}"
        )


def _reads(texts: pl.Series, spelt: str) -> pl.Series:
    return texts.str.to_datetime(spelt, time_unit="us", time_zone="UTC", strict=False)


def _unit_of(value: float) -> TimeUnit:
    for limit, unit in _BELOW:
        if value < limit:
            return unit
    return "ns"


def _written_as_dates(when: Num[np.ndarray, " n"]) -> bool:
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
