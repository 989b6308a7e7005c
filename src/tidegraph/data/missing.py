"""Rows without an id, left out of every column."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Bool

from tidegraph.data.absent import absent
from tidegraph.data.ids import Missing


class KeptRows:
    """Which rows of a table have all their ids.

    A row to drop goes on as a copy of the kept row before it, and its place is
    remembered: so what reads the columns counts rows as the source does, and never sees
    what else is wrong in a row that nobody wants.

    Args:
        columns: The columns of ids.
        missing: Rows are only dropped with ``"drop"``.
    """

    def __init__(self, columns: Sequence[str], missing: Missing) -> None:
        self._columns, self._missing = columns, missing
        self._last: pl.DataFrame | None = None
        self._kept: list[Bool[np.ndarray, " rows"]] = []
        self.dropped = 0

    def filled(self, batch: pl.DataFrame, first_row: int) -> tuple[pl.DataFrame, int]:
        """Return the next rows, those to drop replaced, and the number of the first.

        Rows before the first that is kept are not returned.
        """
        if self._missing != "drop":
            return batch, first_row
        gone = np.zeros(len(batch), np.bool_)
        for column in self._columns:
            gone |= absent(batch[column], self._missing).to_numpy()
        self.dropped += int(gone.sum())
        if self._last is None:
            begin = len(gone) if gone.all() else int(gone.argmin())
            batch, gone, first_row = batch[begin:], gone[begin:], first_row + begin
        self._kept.append(~gone)
        if not gone.any():
            self._last = batch.tail(1) if len(batch) else self._last
            return batch, first_row
        before = np.maximum.accumulate(np.where(gone, -1, np.arange(len(gone))))
        if self._last is not None:
            batch, before = pl.concat([self._last, batch]), before + 1
        batch = batch[before]
        self._last = batch.tail(1)
        return batch, first_row

    def of(self, column: np.ndarray) -> np.ndarray:
        """Return the kept rows of a whole column."""
        return column[self.mask] if self.dropped else column

    @property
    def mask(self) -> Bool[np.ndarray, " rows"]:
        """Which of the rows that were returned are kept."""
        return np.concatenate(self._kept)
