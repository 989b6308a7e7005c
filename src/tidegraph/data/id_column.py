"""Ids of any type to small whole numbers, in one pass over batches of any size."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.compiled import compiled
from tidegraph.errors import DataError

_TEXT = (pl.String, pl.Categorical, pl.Enum)
_SHAPELESS = (pl.List, pl.Array, pl.Struct, pl.Null)


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of ids as whole numbers.

    Attributes:
        ids: Different raw ids; more may stand here than occur.
        code: Place in ``ids`` of each event's id.
    """

    ids: pl.Series
    code: Int32[np.ndarray, " n"]

    def renumbered(self) -> "Coded":
        """Return the same column with ids by first appearance, and only those.

        The codes are renumbered in place.
        """
        place = np.full(len(self.ids), -1, np.int32)
        used = _by_first_appearance(self.code, place)
        old = np.empty(used, np.uint32)
        known = np.flatnonzero(place >= 0)
        old[place[known]] = known
        return Coded(self.ids.gather(pl.Series(old)), self.code)

    def with_integer_ids(self) -> "Coded":
        """Return whole-number ids if all are written so that nothing would be lost.

        ``007`` and ``+7`` keep a column text, because ``7`` is not what was written.
        """
        numbers = self.ids.cast(pl.Int64, strict=False)
        lossless = (numbers.cast(pl.String) == self.ids).fill_null(False).all()
        return Coded(numbers, self.code) if lossless else self


@compiled
def _by_first_appearance(code: np.ndarray, place: np.ndarray) -> int:
    used = 0
    for row in range(len(code)):
        old = code[row]
        if place[old] < 0:
            place[old] = used
            used += 1
        code[row] = place[old]
    return used


class IdColumn:
    """Collects one id column batch by batch, holding four bytes per text id.

    Args:
        name: Name of the column, for messages.
        where: Name of the source, for messages.
    """

    def __init__(self, name: str, where: str) -> None:
        self._name, self._where = name, where
        self._parts: list[pl.Series] = []
        self._text = pl.Categorical(pl.Categories.random())

    def add(self, ids: pl.Series, first_row: int) -> None:
        """Take the ids of the next rows.

        Args:
            ids: Raw ids of any type that has one value per row.
            first_row: The number that messages give to the first of them.

        Raises:
            DataError: An id is missing, or is a list or a record.
        """
        if ids.dtype == pl.Object:
            ids = pl.Series([None if i is None else str(i) for i in ids])
        if isinstance(ids.dtype, _TEXT) or not len(ids):
            ids = ids.cast(pl.String)
        elif ids.dtype.is_float():
            ids = _whole(ids)
        missing = ids.is_null()
        if ids.dtype == pl.String:
            missing |= ids == ""
        if missing.any():
            raise DataError(
                f"{self._where}, row {first_row + int(missing.arg_true()[0])}: column "
                f"{self._name!r} has no id. Drop the row or give it an id."
            )
        if isinstance(ids.dtype, _SHAPELESS):
            raise DataError(
                f"{self._where}: column {self._name!r} holds {ids.dtype}, and an id is "
                "one value. Choose a column of numbers or text."
            )
        self._parts.append(ids.cast(self._text) if ids.dtype == pl.String else ids)

    def finish(self) -> Coded:
        """Return the whole column; a mix of types is read as text."""
        if len({part.dtype for part in self._parts}) > 1:
            self._parts = [p.cast(pl.String).cast(self._text) for p in self._parts]
        column = pl.concat(self._parts)
        self._parts.clear()
        if column.dtype == self._text:
            code = column.to_physical().to_numpy().astype(np.int32)
            # The categories live only as long as a series that uses them.
            return Coded(self._text.categories.to_series().cast(pl.String), code)
        ids = column.unique().sort()
        code = column.rank("dense").to_numpy().astype(np.int32)
        code -= 1
        return Coded(ids, code)


def coded(ids: pl.Series, name: str, where: str) -> Coded:
    """Return one column of ids as whole numbers; rows in messages count from 0.

    Raises:
        DataError: An id is missing, or is a list or a record.
    """
    column = IdColumn(name, where)
    column.add(ids, first_row=0)
    return column.finish()


def _whole(ids: pl.Series) -> pl.Series:
    """Return whole numbers that an absent value once turned into floats."""
    ids = ids.fill_nan(None)
    whole = ids.cast(pl.Int64, strict=False)
    return whole if (whole.cast(ids.dtype) == ids).all() else ids
