"""From ids to row numbers: by a join for many, by their order for a few at a time."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any, NamedTuple

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
        whole = ids.dtype.is_integer()
        self.kind: type = int if whole else str
        plain = whole and ids.n_chunks() == 1 and not ids.null_count()
        # NumPy returns a number in half the time.
        self._at: Callable[[int], Any] = (
            ids.to_numpy().__getitem__ if plain else ids.item
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Copy and hand over the ids and their order; the rest is made again."""
        return _Order, (self.ids, self.row)

    @classmethod
    def of(cls, ids: pl.Series) -> "_Order":
        """Sort ids, which takes as long as several joins."""
        rising = ids.arg_sort(nulls_last=True).cast(pl.Int32)
        return cls(ids, rising.head(len(ids) - ids.null_count()).to_numpy())

    def row_of(self, value: int | str) -> int:
        """Return the row of one id, without waiting for other threads."""
        order, id_at = self.row, self._at
        at = bisect_left(order, value, key=id_at)
        if at < len(order) and id_at(row := order[at]) == value:
            return int(row)
        return UNKNOWN

    def rows(self, values: pl.Series) -> Int32[np.ndarray, " n"]:
        """Return the rows of many ids, once they are written down in their order."""
        if not len(self.row):
            return np.full(len(values), UNKNOWN, np.int32)
        if self._index is None:
            self._index = _Index(gathered(self.ids, self.row), self.row)
        return self._index.rows(values)


_PARTS = 61
"""Tables that grow one at a time: one of a million ids takes 30 ms to grow."""


class _Later:
    """Rows of the ids that came after those in order; kept by who adds ids.

    All lookups of a line share them, and each sees the rows below its own end.

    Args:
        rows: Ids and the row of each.
        end: One after the last row.
    """

    def __init__(self, rows: Iterable[tuple[int | str, int]], end: int) -> None:
        self._parts = tuple([dict[int | str, int]() for _ in range(_PARTS)])
        self.end = end
        self._adding = Lock()
        self._add(rows)

    def __reduce__(self) -> tuple[object, ...]:
        """Copy and hand over the rows, not who may add to them."""
        with self._adding:
            return _Later, (self._rows_below(self.end), self.end)

    def _add(self, rows: Iterable[tuple[int | str, int]]) -> None:
        for value, row in rows:
            self._parts[hash(value) % _PARTS][value] = row

    def _rows_below(self, end: int) -> list[tuple[int | str, int]]:
        return [pair for part in self._parts for pair in part.items() if pair[1] < end]

    def row_of(self, value: int | str, end: int) -> int:
        """Return the row of an id, if it is below ``end``."""
        row = self._parts[hash(value) % _PARTS].get(value, UNKNOWN)
        return row if row < end else UNKNOWN

    def extended(self, ids: pl.Series, end: int) -> "_Later":
        """Return what also finds ``ids``, whose rows begin at ``end``."""
        with self._adding:
            later = self
            if self.end != end:
                # Others have added their own ids behind.
                later = _Later(self._rows_below(end), end)
            later.end = end + len(ids)
            later._add(zip(ids.to_list(), range(end, later.end), strict=True))
            return later


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
        self._ids, self._order, self._size = ids, order, len(ids)
        self._later = later
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
        order = self._order
        if order is None:
            self._joined += 1
            if self._joined <= _WORTH:
                return _rows_by_join(self._ids, values)
            order = self._order = _Order.of(self._ids)
        if len(values) <= _ONE_BY_ONE:
            found = [order.row_of(value) for value in values.to_list()]
            rows = np.array(found, np.int32)
        else:
            rows = order.rows(values)
        if len(order.row) < _count_ids(self._ids):
            wanted = np.flatnonzero(rows == UNKNOWN)
            asked = gathered(values, wanted) if len(wanted) else ()
            for place, value in zip(wanted, asked, strict=True):
                rows[place] = self._row_later(value)
        return rows

    def rows_of_plain(self, values: Sequence[Any]) -> list[int] | None:
        """Return the rows of a few values that are held as they are; else none.

        They are plain whole numbers or texts, as the ids are. No step is taken through
        polars or NumPy, each of which takes longer than the search.
        """
        order, rows = self._order, list[int]()
        if order is None:
            return None
        for value in values:
            if type(value) is not order.kind:
                return None
            row = order.row_of(value)
            if row == UNKNOWN:
                row = self._row_later(value)
            if row == UNKNOWN:
                return None
            rows.append(row)
        return rows

    def _row_later(self, value: int | str) -> int:
        """Return the row of a value among those that came after the ids in order."""
        later = self._later
        return UNKNOWN if later is None else later.row_of(value, self._size)

    def extended(self, ids: pl.Series) -> "Lookup":
        """Return what finds ``ids`` too, which begin with those of this one."""
        held, order = self._size, self._order
        if order is None:
            longer = Lookup(ids)
            longer._joined = self._joined
            return longer
        if (len(ids) - held) * _FEW > len(ids):
            return Lookup(ids, _Order.of(ids))
        later = self._later if self._later is not None else _Later((), held)
        return Lookup(ids, order, later.extended(ids.slice(held), held))

    def without(self, ids: pl.Series, rows: Int32[np.ndarray, " n"]) -> "Lookup":
        """Return what finds ``ids``: the same but null at some rows."""
        order = self._order
        if order is None:
            left = Lookup(ids)
            left._joined = self._joined
            return left
        if self._later is not None:
            # Others add to that table, and to copy it waits for every other thread.
            return Lookup(ids, _Order.of(ids))
        kept = np.ones(len(ids), np.bool_)
        kept[rows] = False
        return Lookup(ids, _Order(ids, order.row[kept[order.row]]))


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
