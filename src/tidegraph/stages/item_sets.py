"""Some items for each request: what it excludes, what it should find."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, Int64, Integer

from tidegraph.kernels.binary_search import lower_bound
from tidegraph.kernels.jit import compiled, over_rows, sealed
from tidegraph.kernels.ragged import consecutive, end_to_end, owners, ranges, starts

_FEW = 16
"""So few items of a row are looked for one by one; for more its set is sorted."""


@dataclass(frozen=True, eq=False)
class ItemSets:
    """Rows of items per request, laid end to end.

    Attributes:
        ptr: Where each request's items start; one more entry than there are requests.
        item: Rows of items; in any order and perhaps repeated, unless ``of_pairs``
            made the sets.
    """

    ptr: Int64[np.ndarray, " starts"]
    item: Int32[np.ndarray, " entries"]

    def __repr__(self) -> str:
        said = f"{len(self.ptr) - 1:,} sets, {len(self.item):,} items in all"
        return f"{type(self).__name__}({said})"

    @classmethod
    def none(cls, requests: int) -> "ItemSets":
        """Return an empty set for each request."""
        return cls(np.zeros(requests + 1, np.int64), np.zeros(0, np.int32))

    @classmethod
    def of_pairs(
        cls, row: Integer[np.ndarray, " n"], item: Int32[np.ndarray, " n"], rows: int
    ) -> "ItemSets":
        """Group pairs of request and item, in any order, perhaps repeated.

        Args:
            row: Number of the request.
            item: Row of an item of its set.
            rows: How many requests there are.

        Returns:
            Items that increase within a request, each once.
        """
        order = np.lexsort((item, row))
        row, item = row[order], item[order]
        fresh = np.ones(len(row), np.bool_)
        fresh[1:] = (row[1:] != row[:-1]) | (item[1:] != item[:-1])
        return cls(starts(np.bincount(row[fresh], minlength=rows)), item[fresh])

    @classmethod
    def concatenated(cls, parts: Sequence["ItemSets"]) -> "ItemSets":
        """Lay the sets of several parts end to end."""
        return cls(
            end_to_end([part.ptr for part in parts]),
            np.concatenate([part.item for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.ptr) - 1

    @property
    def count(self) -> Int64[np.ndarray, " b"]:
        """How many items each request has."""
        return np.diff(self.ptr)

    @property
    def row(self) -> Int64[np.ndarray, " entries"]:
        """The request of each entry."""
        return owners(self.ptr)

    def rows(self, start: int, stop: int) -> "ItemSets":
        """Return the sets of some consecutive requests; no copy of the items."""
        ptr, entries = consecutive(self.ptr, start, stop)
        return ItemSets(ptr, self.item[entries])

    def at(self, rows: Int64[np.ndarray, " r"]) -> "ItemSets":
        """Return the sets of some requests, in any order."""
        ptr = starts(self.ptr[rows + 1] - self.ptr[rows])
        return ItemSets(ptr, self.item[ranges(self.ptr[rows], ptr)])

    def where(self, keep: Bool[np.ndarray, " entries"]) -> "ItemSets":
        """Return the same requests with only some of their entries."""
        kept = np.bincount(self.row[keep], minlength=len(self))
        return ItemSets(starts(kept), self.item[keep])

    def holds(self, item: Int32[np.ndarray, "b k"]) -> Bool[np.ndarray, "b k"]:
        """Return which items are in the set of their row; -1, which is none, is not."""
        ptr = np.arange(len(item) + 1, dtype=np.int64) * item.shape[1]
        return self.holds_each(ItemSets(ptr, item.ravel())).reshape(item.shape)

    def holds_each(self, other: "ItemSets") -> Bool[np.ndarray, " entries"]:
        """Return which entries of other sets, row by row, are in these, too."""
        out = np.zeros(len(other.item), np.bool_)
        ptr, held, at, item = sealed(self.ptr, self.item, other.ptr, other.item)
        over_rows(
            lambda a, b: _mark_held(ptr, held, at, item, out, a, b),
            len(other),
            grain=256,
        )
        return out

    def others(self, items: int) -> "ItemSets":
        """Return, for each request, every other of so many items."""
        other: Bool[np.ndarray, "b items"] = np.ones((len(self), items), np.bool_)
        other[self.row, self.item] = False
        return ItemSets(
            starts(other.sum(axis=1)), np.nonzero(other)[1].astype(np.int32)
        )

    def and_also(self, other: "ItemSets") -> "ItemSets":
        """Return what either holds, request by request."""
        if not len(other.item):
            return self
        if not len(self.item):
            return other
        order = np.argsort(np.concatenate([self.row, other.row]), kind="stable")
        item = np.concatenate([self.item, other.item])[order]
        return ItemSets(self.ptr + other.ptr, item)


@compiled
def _mark_held(
    ptr: np.ndarray,
    held: np.ndarray,
    at: np.ndarray,
    item: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Mark the items, from ``at`` of each row on, that the row's set holds."""
    for row in range(first, last):
        own = held[ptr[row] : ptr[row + 1]]
        many = at[row + 1] - at[row] > _FEW
        if many:
            own = np.sort(own)
        for e in range(at[row], at[row + 1]):
            if item[e] < 0:
                continue
            if many:
                place = lower_bound(own, 0, own.size, item[e])
                out[e] = place < own.size and own[place] == item[e]
            else:
                for h in range(own.size):
                    out[e] |= own[h] == item[e]
