"""From ids to row numbers: by a join for many, by an index for a few at a time."""

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Int32, Integer

UNKNOWN = -1
"""The row number of an id that the vocabulary does not hold."""
_FEW = 8
"""So many times fewer values than ids are looked up in the index, if there is one."""
_WORTH = 8
"""Sorting text takes as long as this many joins."""
_ONE_BY_ONE = 64
"""Up to so many values are looked up one by one in an order that was saved."""


class _Index(NamedTuple):
    """The first ids in rising order, and their rows."""

    ids: pl.Series
    row: Int32[np.ndarray, " indexed"]

    @classmethod
    def of(cls, ids: pl.Series) -> "_Index":
        order = ids.arg_sort()
        return cls(ids.gather(order), order.cast(pl.Int32).to_numpy())

    def rows(self, values: pl.Series) -> Int32[np.ndarray, " n"]:
        if values.dtype.is_integer():
            # Each step through polars takes longer than the search itself.
            held, wanted = self.ids.to_numpy(), values.to_numpy()
            at = np.minimum(np.searchsorted(held, wanted), len(held) - 1)
            same = held[at] == wanted
        else:
            at = np.minimum(
                self.ids.search_sorted(values).to_numpy(), len(self.ids) - 1
            )
            same = (self.ids.gather(at) == values).to_numpy()
        return np.where(same, self.row[at], np.int32(UNKNOWN))


class _Order(NamedTuple):
    """The rows of the first ids in rising order of the ids, as a file holds it."""

    held: pl.Series
    row: Int32[np.ndarray, " indexed"]

    @property
    def ids(self) -> pl.Series:
        """The ids, in row order."""
        return self.held

    def rows(self, values: pl.Series) -> Int32[np.ndarray, " n"]:
        found = [self._row(value) for value in values.to_list()]
        return np.array(found, np.int32)

    def _row(self, value: int | str) -> int:
        held, order = self.held, self.row
        at = bisect_left(order, value, key=lambda row: held[int(row)])
        if at < len(order) and held[row := int(order[at])] == value:
            return row
        return UNKNOWN

    def written_down(self) -> _Index:
        """Return what finds many values at once."""
        return _Index(self.held.gather(pl.Series(self.row)), self.row)


class Lookup:
    """Finds ids that are all different; made longer at the end.

    A join costs O(ids), an index O(log ids) per value once it is there. It is made when
    joins for a few values have cost as much as it does, and ids that came later are
    joined until they are many.

    Args:
        ids: The ids, in row order.
        index: Of the first of them; none if there is none yet.
    """

    def __init__(self, ids: pl.Series, index: "_Index | _Order | None" = None) -> None:
        self._ids, self._index = ids, index
        self._joined = 0

    @classmethod
    def ordered(cls, ids: pl.Series, row: Int32[np.ndarray, " indexed"]) -> "Lookup":
        """Return what finds ids by what ``order`` returned for them.

        Raises:
            ValueError: It belongs to other ids.
        """
        if len(row) not in (0, len(ids)) or row.dtype != np.int32:
            raise ValueError("the order of the ids does not fit them")
        return cls(ids, _Order(ids, row) if len(row) else None)

    def order(self) -> Int32[np.ndarray, " indexed"]:
        """Return the rows of all ids in rising order; none if they have no order."""
        if not self._is_sortable():
            return np.zeros(0, np.int32)
        return self._ids.arg_sort().cast(pl.Int32).to_numpy()

    def _is_sortable(self) -> bool:
        return self._ids.dtype.is_integer() or self._ids.dtype == pl.String

    def rows(self, values: pl.Series) -> Int32[np.ndarray, " n"]:
        """Return the row of each value, of the ids' type, ``UNKNOWN`` if not held."""
        few = len(values) * _FEW <= len(self._ids)
        if not (self._is_sortable() and few) or values.null_count():
            return _joined(self._ids, values, 0)
        index = self._index
        if isinstance(index, _Order) and len(values) > _ONE_BY_ONE:
            index = self._index = index.written_down()
        done = 0 if index is None else len(index.ids)
        self._joined += len(self._ids) - done
        if self._joined > _WORTH * len(self._ids):
            index, self._joined, done = _Index.of(self._ids), 0, len(self._ids)
            self._index = index
        if index is None:
            return _joined(self._ids, values, 0)
        found = index.rows(values)
        if done < len(self._ids):
            later = _joined(self._ids.slice(done), values, done)
            return np.where(found == UNKNOWN, later, found)
        return found

    def extended(self, ids: pl.Series) -> "Lookup":
        """Return what finds ``ids`` too, which begin with those of this one."""
        longer = Lookup(ids, self._index)
        longer._joined = self._joined
        return longer


def gathered(values: pl.Series, rows: Integer[np.ndarray, " n"]) -> pl.Series:
    """Return the values at some rows, null where the row is ``UNKNOWN``."""
    at = pl.Series(rows)
    if bool((rows < 0).any()):
        at = at.set(at < 0, None)
    # Not gather(), which begins a query.
    return values[at.cast(pl.UInt32)]


def _joined(ids: pl.Series, values: pl.Series, first: int) -> Int32[np.ndarray, " n"]:
    row = pl.arange(first, first + len(ids), dtype=pl.Int32, eager=True)
    known = pl.DataFrame({"id": ids, "row": row})
    asked = values.alias("id").to_frame()
    found = asked.join(known, on="id", how="left", maintain_order="left")
    return found["row"].fill_null(UNKNOWN).to_numpy().astype(np.int32, copy=False)
