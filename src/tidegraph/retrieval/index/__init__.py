"""Indexes: the vectors with the largest products with a query."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int32

from tidegraph.retrieval.index.exact import Exact, FittedExact
from tidegraph.retrieval.index.lists import FittedInvertedLists, InvertedLists
from tidegraph.stages import ItemSets

__all__ = [
    "Exact",
    "FittedExact",
    "FittedIndex",
    "FittedInvertedLists",
    "Index",
    "InvertedLists",
]


@runtime_checkable
class FittedIndex(Protocol):
    """Vectors that can be searched."""

    def search(
        self, queries: Float32[np.ndarray, "b d"], k: int, excluded: ItemSets
    ) -> tuple[Int32[np.ndarray, "b k"], Float32[np.ndarray, "b k"]]:
        """Return the rows and products of up to ``k`` vectors a query, largest first.

        Args:
            queries: One with a nan finds nothing.
            k: How many, and no more than there are vectors; those that are not found
                are -1, their products ``-inf``.
            excluded: Rows that each query must not find.
        """
        ...


@runtime_checkable
class Index(Protocol):
    """Settings of an index; one of your own needs no more than this.

    Such as ``tg.index.InvertedLists()``.
    """

    def over(self, vectors: Float32[np.ndarray, "n d"]) -> FittedIndex:
        """Return the index of some vectors; one with a nan is never found."""
        ...
