"""From ids to row numbers: by a join for many, by their order for a few at a time."""

from bisect import bisect_left
from threading import Lock
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Int32, Integer

UNKNOWN = -1
"""The row number of an id that the vocabulary does not hold."""
_FEW = 8
"""So many times fewer values than ids are looked up in the order of the ids."""
_WORTH = 8
"""Sorting text takes as long as this many joins."""
_ONE_BY_ONE = 64
"""Up to so many values are looked up one by one, which waits for no other thread."""


class _Index(NamedTuple):
    """The first ids in rising order, and their rows."""

    ids: pl.Series
    row: Int32[np.ndarray, " indexed"]

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
            same = (gathered(self.ids, at) == values).to_numpy()
        return np.where(same, self.row[at], np.int32(UNKNOWN))


class _Order:
    """The rows of the first ids in rising order of the ids, as a file holds it.

    Args:
        ids: The ids, in row order.
        row: The row of each, in their rising order.
    """

    def __init__(self, ids: pl.Series, row: Int32[np.ndarray, " indexed"]) -> None:
        self.ids, self.row = ids, row
        self._index: _Index | None = None

    @classmethod
    def of(cls, ids: pl.Series) -> "_Order":
        """Sort ids, which takes as long as several joins."""
        rising = ids.arg_sort(nulls_last=True).cast(pl.Int32)
        return cls(ids, rising.head(len(ids) - ids.null_count()).to_numpy())

    def row_of(self, value: int | str) -> int:
        """Return the row of one id, without waiting for other threads."""
        ids, order = self.ids, self.row
        at = bisect_left(order, value, key=lambda row: ids[int(row)])
        if at < len(order) and ids[row := int(order[at])] == value:
            return row
        return UNKNOWN

    def rows(self, values: pl.Series) -> Int32[np.ndarray, " n"]:
        """Return the rows of many ids, once they are written down in their order."""
        if not len(self.row):
            return np.full(len(values), UNKNOWN, np.int32)
        if self._index is None:
            self._index = _Index(gathered(self.ids, self.row), self.row)
        return self._index.rows(values)


class _Later:
    """Rows of the ids that came after those in order; kept by who adds ids.

    All lookups of a line share them, and each sees the rows below its own end.

    Args:
        row: Row of each id.
        end: One after the last row.
    """

    def __init__(self, row: dict[int | str, int], end: int) -> None:
        self.row, self.end = row, end
        self._adding = Lock()

    def __reduce__(self) -> tuple[object, ...]:
        """Copy and hand over the rows, not who may add to them."""
        with self._adding:
            return _Later, (self.row.copy(), self.end)

    def extended(self, ids: pl.Series, end: int) -> "_Later":
        """Return what also finds ``ids``, whose rows begin at ``end``."""
        with self._adding:
            later = self
            if self.end != end:
                # Others have added their own ids behind.
                kept = {value: row for value, row in self.row.items() if row < end}
                later = _Later(kept, end)
            later.row.update(
                zip(ids.to_list(), range(end, end + len(ids)), strict=True)
            )
            later.end = end + len(ids)
            return later

    def without(self, rows: Int32[np.ndarray, " n"], end: int) -> "_Later":
        """Return what finds the ids below ``end``, but for those of some rows."""
        gone = set(rows.tolist())
        with self._adding:
            held = self.row.items()
            kept = {v: row for v, row in held if row < end and row not in gone}
        return _Later(kept, end)


class Lookup:
    """Finds ids that are all different; made longer at the end. Null is never found.

    A join costs O(ids). Once the ids are in order, a value costs O(log ids), and ids
    that came later stand in a table. They are put in order when joins for a few values
    have cost as much as that does.

    Args:
        ids: The ids, in row order.
        order: Of the first of them; none if there is none yet.
        later: The rows of those behind.
    """

    def __init__(
        self,
        ids: pl.Series,
        order: _Order | None = None,
        later: _Later | None = None,
    ) -> None:
        self._ids, self._order = ids, order
        self._later = later if later is not None else _Later({}, len(ids))
        self._joined = 0

    @classmethod
    def ordered(cls, ids: pl.Series, row: Int32[np.ndarray, " indexed"]) -> "Lookup":
        """Return what finds ids by what ``order`` returned for them.

        Raises:
            ValueError: It belongs to other ids.
        """
        if len(row) not in (0, _count_ids(ids)) or row.dtype != np.int32:
            raise ValueError("the order of the ids does not fit them")
        return cls(ids, _Order(ids, row) if len(row) else None)

    def in_order(self) -> "Lookup":
        """Return what finds a few values at once from the first, in O(log ids)."""
        if self._order is not None or not self._is_sortable():
            return self
        return Lookup(self._ids, _Order.of(self._ids))

    def order(self) -> Int32[np.ndarray, " indexed"]:
        """Return the rows of all ids in rising order; none if they have no order."""
        if not self._is_sortable():
            return np.zeros(0, np.int32)
        if self._order is not None and len(self._order.row) == _count_ids(self._ids):
            return self._order.row
        return _Order.of(self._ids).row

    def _is_sortable(self) -> bool:
        return self._ids.dtype.is_integer() or self._ids.dtype == pl.String

    def rows(self, values: pl.Series) -> Int32[np.ndarray, " n"]:
        """Return the row of each value, of the ids' type, ``UNKNOWN`` if not held."""
        few = len(values) * _FEW <= len(self._ids)
        if not (self._is_sortable() and few) or values.null_count():
            return _rows_by_join(self._ids, values)
        order, later = self._order, self._later
        if order is None:
            self._joined += 1
            if self._joined <= _WORTH:
                return _rows_by_join(self._ids, values)
            order, later = _Order.of(self._ids), _Later({}, len(self._ids))
            self._order, self._later = order, later
        if len(values) <= _ONE_BY_ONE:
            found = [order.row_of(value) for value in values.to_list()]
            rows = np.array(found, np.int32)
        else:
            rows = order.rows(values)
        if len(order.row) < _count_ids(self._ids):
            self._find_later(later, values, rows)
        return rows

    def _find_later(
        self, later: _Later, values: pl.Series, rows: Int32[np.ndarray, " n"]
    ) -> None:
        """Write the rows of values that came after those in order."""
        wanted, end = np.flatnonzero(rows == UNKNOWN), len(self._ids)
        for place, value in zip(wanted, gathered(values, wanted), strict=True):
            row = later.row.get(value, UNKNOWN)
            if row < end:
                rows[place] = row

    def extended(self, ids: pl.Series) -> "Lookup":
        """Return what finds ``ids`` too, which begin with those of this one."""
        held, order, later = len(self._ids), self._order, self._later
        if order is None:
            longer = Lookup(ids)
            longer._joined = self._joined
            return longer
        if (len(ids) - held) * _FEW > len(ids):
            return Lookup(ids, _Order.of(ids))
        return Lookup(ids, order, later.extended(ids.slice(held), held))

    def without(self, ids: pl.Series, rows: Int32[np.ndarray, " n"]) -> "Lookup":
        """Return what finds ``ids``: the same but null at some rows."""
        order = self._order
        if order is None:
            left = Lookup(ids)
            left._joined = self._joined
            return left
        kept = np.ones(len(ids), np.bool_)
        kept[rows] = False
        still = _Order(ids, order.row[kept[order.row]])
        return Lookup(ids, still, self._later.without(rows, len(ids)))


def _count_ids(ids: pl.Series) -> int:
    """Return how many rows have an id: an erased one has none."""
    return len(ids) - ids.null_count()


def gathered(values: pl.Series, rows: Integer[np.ndarray, " n"]) -> pl.Series:
    """Return the values at some rows, null where the row is ``UNKNOWN``."""
    at = pl.Series(rows)
    if bool((rows < 0).any()):
        at = at.set(at < 0, None)
    # Not gather(), which begins a query.
    return values[at.cast(pl.UInt32)]


def _rows_by_join(ids: pl.Series, values: pl.Series) -> Int32[np.ndarray, " n"]:
    row = pl.arange(0, len(ids), dtype=pl.Int32, eager=True)
    known = pl.DataFrame({"id": ids, "row": row})
    asked = values.alias("id").to_frame()
    found = asked.join(known, on="id", how="left", maintain_order="left")
    return found["row"].fill_null(UNKNOWN).to_numpy().astype(np.int32, copy=False)
