"""Linear filters of a user's history over the graph of users and items.

A history is a signal on the items; a filter lets through what varies slowly over the
graph. Nothing is trained (section 19.4).
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int32

from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.retrieval.filters.chebyshev import Chebyshev
from tidegraph.retrieval.filters.hop import Hop
from tidegraph.retrieval.filters.low_pass import LowPass

__all__ = ["Chebyshev", "Filter", "FiltersSome", "Hop", "LowPass"]


@runtime_checkable
class Filter(Protocol):
    """Settings of a filter; one of your own needs no more than this.

    Such as ``tg.filters.LowPass()``.
    """

    def precomputed(self, graph: StaticGraph) -> Mapping[str, np.ndarray]:
        """Return what is worked out once for a graph; a file keeps it."""
        ...

    def scores(
        self,
        graph: StaticGraph,
        solved: Mapping[str, np.ndarray],
        history: SparseRows,
    ) -> Float32[np.ndarray, "b items"]:
        """Return what comes through for every item, 0 where nothing does.

        Args:
            graph: Users and items, each pair once.
            solved: What ``precomputed`` returned for it.
            history: What weight each item of each requester's history has.
        """
        ...


@runtime_checkable
class FiltersSome(Protocol):
    """A filter that need not work out what comes through for every item."""

    def scores_of(
        self,
        graph: StaticGraph,
        solved: Mapping[str, np.ndarray],
        history: SparseRows,
        item: Int32[np.ndarray, " some"],
    ) -> Float32[np.ndarray, "b some"]:
        """Return those columns of ``scores``, to the bit.

        Args:
            graph: Users and items, each pair once.
            solved: What ``precomputed`` returned for it.
            history: What weight each item of each requester's history has.
            item: The items wanted, rising.
        """
        ...
