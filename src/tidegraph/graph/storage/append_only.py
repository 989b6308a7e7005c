"""Features of edges that grow at the end, while others read what there was."""

from functools import cached_property, partial
from threading import Lock

import numpy as np
import polars as pl
from jaxtyping import Float32

from tidegraph.artifact.room import roomy, with_room
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
            room = roomy(partial(with_room, self.values), held + len(more))
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
        self._weights: dict[str, Column] = {}

    def __reduce__(self) -> tuple[object, ...]:
        """Copy and hand over the rows; what was made of them is made again."""
        return Table, self._parts

    @cached_property
    def frame(self) -> pl.DataFrame:
        """All rows as one table."""
        if len(self._parts) == 1:
            return self._parts[0]
        return pl.concat(self._parts, rechunk=False)

    @cached_property
    def _is_typed(self) -> bool:
        """Has every column a type, unlike those of nulls alone?"""
        return pl.Null not in self._parts[0].dtypes

    @cached_property
    def columns(self) -> pl.DataFrame:
        """The columns, without a row."""
        return self._parts[0].clear()

    @property
    def height(self) -> int:
        """How many rows there are; none where there is no column."""
        return sum(part.height for part in self._parts)

    def since(self, row: int) -> pl.DataFrame:
        """Return the rows from one on, without a look at those before it."""
        left, parts = self.height - row, list[pl.DataFrame]()
        for part in reversed(self._parts):
            parts.append(part.tail(left))
            left -= part.height
            if left <= 0:
                break
        return pl.concat(parts[::-1], rechunk=False)

    def weights(self, name: str) -> Float32[np.ndarray, " n"]:
        """Return a feature as numbers; what is no finite 32-bit number counts as 0.

        They are made when first asked for, and kept up when asked for again: who
        appends pays nothing for it, and is stopped by no value that is none.

        Raises:
            DataError: There is no such feature, or it holds no numbers.
        """
        held = self._weights.get(name)
        since = 0 if held is None else len(held.values)
        if held is None or since < self.height:
            more = numbers(self.since(since), name, lacking=0.0)
            held = Column(more) if held is None else held.extended(more)
            self._weights[name] = held
        return held.values

    def rechunked(self) -> "Table":
        """Return the same rows, each column in one piece."""
        return self._with_parts(self.frame.rechunk())

    def extended(self, more: pl.DataFrame) -> "Table":
        """Return the table with more rows; a row is copied O(log rows) times in all."""
        parts = list(self._parts)
        if not self._is_typed:
            parts = [_typed_like(part, more) for part in parts]
        while parts and parts[-1].height < 2 * more.height:
            more = pl.concat([parts.pop(), more], rechunk=True)
        return self._with_parts(*parts, more) if more.height or not parts else self

    def _with_parts(self, *parts: pl.DataFrame) -> "Table":
        """Return a table of these parts, whose first rows are those of this one."""
        longer = Table(*parts)
        if self._is_typed:
            # Looked at once, as types do not change: to ask polars takes microseconds.
            longer._is_typed, longer.columns = True, self.columns
        longer._weights.update(self._weights)
        return longer


def _typed_like(part: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    """Return rows whose columns of nulls alone are of the type that others have."""
    kinds = {
        name: more.schema[name] for name, kind in part.schema.items() if kind == pl.Null
    }
    return part.cast(pl.Schema(kinds))


def numbers(
    table: pl.DataFrame, column: str, *, lacking: float | None = None
) -> Float32[np.ndarray, " n"]:
    """Return a feature as numbers.

    Args:
        table: One row per edge.
        column: The feature.
        lacking: What counts where a value is none, or not finite; refused if left out.

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
    if lacking is not None:
        # Where polars has a null, NumPy has NaN.
        found = np.where(np.isfinite(found), found, np.float32(lacking))
    bad = np.flatnonzero(~np.isfinite(found))
    if len(bad):
        raise DataError(
            f"column {column!r} is {values[int(bad[0])]} in row {bad[0]}, "
            "not a finite number. Mend or drop the row."
        )
    return np.ascontiguousarray(found)
