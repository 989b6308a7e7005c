"""From ids to row numbers: by a join for many, by an index for a few at a time."""

from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Int32

UNKNOWN = -1
"""The row number of an id that the vocabulary does not hold."""
_FEW = 8
"""So many times fewer values than ids are looked up in the index, if there is one."""
_WORTH = 8
"""Sorting text takes as long as this many joins."""


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


class Lookup:
    """Finds ids that are all different; made longer at the end.

    A join costs O(ids), an index O(log ids) per value once it is there. It is made when
    joins for a few values have cost as much as it does, and ids that came later are
    joined until they are many.

    Args:
        ids: The ids, in row order.
        index: Of the first of them; none if there is none yet.
    """

    def __init__(self, ids: pl.Series, index: _Index | None = None) -> None:
        self._ids, self._index = ids, index
        self._joined = 0

    def rows(self, values: pl.Series) -> Int32[np.ndarray, " n"]:
        """Return the row of each value, of the ids' type, ``UNKNOWN`` if not held."""
        sortable = self._ids.dtype.is_integer() or self._ids.dtype == pl.String
        few = len(values) * _FEW <= len(self._ids)
        if not (sortable and few) or values.null_count():
            return _joined(self._ids, values, 0)
        index = self._index
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


def _joined(ids: pl.Series, values: pl.Series, first: int) -> Int32[np.ndarray, " n"]:
    row = pl.arange(first, first + len(ids), dtype=pl.Int32, eager=True)
    known = pl.DataFrame({"id": ids, "row": row})
    asked = values.alias("id").to_frame()
    found = asked.join(known, on="id", how="left", maintain_order="left")
    return found["row"].fill_null(UNKNOWN).to_numpy().astype(np.int32, copy=False)
