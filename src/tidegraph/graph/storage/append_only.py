"""Features of edges that grow at the end, while others read what there was."""

from functools import cached_property
from threading import Lock

import numpy as np
import polars as pl
from jaxtyping import Float32

from tidegraph.artifact.room import roomier
from tidegraph.errors import DataError


class Column:
    """Numbers by edge that grow at the end; what was handed out does not change.

    Args:
        values: The numbers so far.
    """

    def __init__(self, values: Float32[np.ndarray, " n"]) -> None:
        self.values = values
        self._room, self._used = values, len(values)
        self._lock = Lock()

    def __reduce__(self) -> tuple[object, ...]:
        """Copy and hand over the numbers, not who may write behind them."""
        return Column, (self.values,)

    def extended(self, more: Float32[np.ndarray, " m"]) -> "Column":
        """Return the column with more numbers, in O(new) as a rule."""
        if not len(more):
            return self
        held = len(self.values)
        with self._lock:
            # Whoever extends this column again must not write over the longer one.
            used, self._used = self._used, -1
        room = self._room
        if held != used or held + len(more) > len(room):
            room = roomier(self.values, 2 * (held + len(more)))
        room[held : held + len(more)] = more
        longer = Column(room[: held + len(more)])
        longer._room, longer._used = room, held + len(more)
        return longer


class Table:
    """Rows by edge that grow at the end, in parts each at least twice the next.

    Args:
        parts: The rows so far.
    """

    def __init__(self, *parts: pl.DataFrame) -> None:
        self._parts = parts

    @cached_property
    def frame(self) -> pl.DataFrame:
        """All rows as one table."""
        if len(self._parts) == 1:
            return self._parts[0]
        return pl.concat(self._parts, rechunk=False)

    @property
    def columns(self) -> pl.DataFrame:
        """The columns, without a row."""
        return self._parts[0].clear()

    def extended(self, more: pl.DataFrame) -> "Table":
        """Return the table with more rows; a row is copied O(log rows) times in all."""
        parts = list(self._parts)
        while parts and parts[-1].height < 2 * more.height:
            more = pl.concat([parts.pop(), more], rechunk=True)
        return Table(*parts, more) if more.height or not parts else self


def numbers(table: pl.DataFrame, column: str) -> Float32[np.ndarray, " n"]:
    """Return a feature as numbers.

    Raises:
        DataError: There is no such feature, or a value is not a finite number.
    """
    if column not in table.columns:
        raise DataError(
            f"the edges have no feature {column!r}. "
            f"They have: {', '.join(table.columns) or 'none'}."
        )
    values = table[column]
    if not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
        raise DataError(f"column {column!r} holds {values.dtype}, not numbers.")
    found = values.cast(pl.Float32).to_numpy()
    bad = np.flatnonzero(~np.isfinite(found))
    if len(bad):
        raise DataError(
            f"column {column!r} is {values[int(bad[0])]} in row {bad[0]}, "
            "not a finite number. Mend or drop the row."
        )
    return np.ascontiguousarray(found)
