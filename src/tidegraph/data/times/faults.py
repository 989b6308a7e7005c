"""What is wrong with a time that was read, and its words for a message."""

from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Num

from tidegraph.errors import DataError

_LATEST = 9.2e18
_EXACT: dict[pl.DataType, float] = {pl.Float32(): 2.0**24, pl.Float16(): 2.0**11}
"""From here on a short float skips whole numbers; today's seconds by 128 at a time."""
_MEND = "Mend or drop the row."


class NotATimeError(DataError):
    """A value is no time.

    Attributes:
        found: What it is, after the words "the time".
    """

    def __init__(self, where: str, found: str, mend: str) -> None:
        super().__init__(f"{where} {found}. {mend}")
        self.found = found


class Fault(NamedTuple):
    """The first time that can be none.

    Attributes:
        row: Where it stands among those given.
        found: What it is, after the words "the time".
        mend: What to do.
    """

    row: int
    found: str
    mend: str


def first_fault(
    values: Num[np.ndarray, " n"],
    shown: pl.Series,
    *,
    signed: bool,
    whole: bool = False,
) -> Fault | None:
    """Return what is wrong with times, if anything is.

    Args:
        values: The times as numbers.
        shown: The same as they came.
        signed: May they be below 0?
        whole: Must they be whole, as positions are?
    """
    broken = whole and values.dtype.kind == "f"
    if len(values) and not broken and _are_all_in_range(values, shown, signed=signed):
        return None
    before = f"{_MEND} Say time_unit=, or write times before 1970 as dates."
    short = "Read the column as 64 bits."
    rank = "Positions are whole numbers: write the rank of each in their order."
    for bad, what, mend in (
        (~np.isfinite(values), "not a finite number", _MEND),
        ((values < 0) & (not signed), "before 1970", before),
        (np.abs(values) > _LATEST, "beyond what a time can be", _MEND),
        (np.abs(values) >= _largest_exact(shown), "rounded by its short float", short),
        (broken & (values != np.floor(values)), "no whole position", rank),
    ):
        if bad.any():
            row = int(bad.argmax())
            return Fault(row, f"is {as_written(shown, row)}, {what}", mend)
    return None


def as_written(values: pl.Series, row: int) -> str:
    """Return a time as its owner wrote it."""
    if isinstance(values.dtype, pl.Datetime):
        moment = np.datetime64(values.to_physical()[row], values.dtype.time_unit)
        return f"{moment}".replace("T", " ")
    if values.dtype.is_temporal():
        return values.cast(pl.String)[row]
    return str(values[row]) if values.dtype.is_numeric() else repr(values[row])


def _are_all_in_range(
    values: Num[np.ndarray, " n"], shown: pl.Series, *, signed: bool
) -> bool:
    """Whether the least and the greatest time say that nothing is wrong with any."""
    low, high = values.min(), values.max()  # NaN if one is.
    most = min(_LATEST, np.nextafter(_largest_exact(shown), 0))
    return bool((-most if signed else 0) <= low and high <= most)


def _largest_exact(shown: pl.Series) -> float:
    """Return below what size a column of this type holds every whole number."""
    return _EXACT.get(shown.dtype, np.inf)
