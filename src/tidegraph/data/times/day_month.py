"""Whether the day or the month comes first in dates like 03/04/2020."""

from typing import NamedTuple

import polars as pl

from tidegraph.data.origin import Rows


class Witness(NamedTuple):
    """A value that says something about the order.

    Attributes:
        row: Its row.
        text: How it is written.
    """

    row: int
    text: str


class DayMonth:
    """Finds out the order by a whole column, which it sees batch by batch.

    Attributes:
        day: The first value that is a date with the day first only, if any.
        month: The first value that is a date with the month first only, if any.
        either: The first value that is two different dates, if any.
    """

    def __init__(self) -> None:
        self.day: Witness | None = None
        self.month: Witness | None = None
        self.either: Witness | None = None

    def see(
        self,
        by_day: pl.Series,
        by_month: pl.Series,
        texts: pl.Series,
        rows: Rows,
    ) -> None:
        """Take the two readings of the next rows; a null is no date so read."""
        no_day, no_month = by_day.is_null(), by_month.is_null()
        self.day = self.day or _first_witness(~no_day & no_month, texts, rows)
        self.month = self.month or _first_witness(no_day & ~no_month, texts, rows)
        if self.either is None:
            differs = (by_day != by_month).fill_null(False)
            self.either = _first_witness(differs, texts, rows)

    @property
    def month_first(self) -> bool:
        """Whether the month is known to come first."""
        return self.month is not None

    @property
    def known(self) -> bool:
        """Whether the order is known, or known to differ between rows."""
        return self.day is not None or self.month is not None


def _first_witness(chosen: pl.Series, texts: pl.Series, rows: Rows) -> Witness | None:
    if not chosen.any():
        return None
    row = int(chosen.arg_true()[0])
    return Witness(int(rows[row]), texts[row])
