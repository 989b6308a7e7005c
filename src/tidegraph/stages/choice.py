"""A choice of few items: a catalogue of its own, numbered anew."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32

from tidegraph.kernels.distinct_numbers import Few
from tidegraph.kernels.ragged import starts, starts_where
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.stages.item_sets import ItemSets


@dataclass(frozen=True, eq=False)
class Choice:
    """The items that some requests may be answered, as if there were no others.

    So an answer costs the items that may be in it, whatever the catalogue.

    Attributes:
        few: The items.
        excluded: For each request the places of those that it must not be answered.
    """

    few: Few
    excluded: ItemSets

    @classmethod
    def of(cls, only: ItemSets, hidden: ItemSets, items: int) -> "Choice":
        """Return what may be answered of a catalogue.

        Args:
            only: For each request the items that may be.
            hidden: For each request items that may not.
            items: How many items the catalogue has; others are left out.
        """
        few = Few.of(only.item[only.item < items])
        allowed: Bool[np.ndarray, "b few"] = np.zeros((len(only), len(few)), np.bool_)
        for sets, may in ((only, True), (hidden, False)):
            place = few.places(sets.item)
            there = place >= 0
            allowed[sets.row[there], place[there]] = may
        place = np.nonzero(~allowed)[1].astype(np.int32)
        return cls(few, ItemSets(starts((~allowed).sum(axis=1)), place))

    def __len__(self) -> int:
        return len(self.few)

    @property
    def item(self) -> Int32[np.ndarray, " few"]:
        """The items, increasing."""
        return self.few.number

    def columns(self, rows: SparseRows) -> SparseRows:
        """Return a matrix with the columns of these items alone."""
        place = self.few.places(rows.column)
        kept = place >= 0
        ptr = starts_where(rows.ptr, kept)
        return SparseRows(ptr, place[kept], rows.weight[kept], len(self))

    def at(self, places: Int32[np.ndarray, "b k"]) -> Int32[np.ndarray, "b k"]:
        """Return the items that an answer of places names."""
        return self.few.at(places)
