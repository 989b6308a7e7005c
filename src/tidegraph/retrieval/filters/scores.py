"""What comes through a filter, for every item or for some."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32, Int32

from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.retrieval.filters import Filter, FiltersSome
from tidegraph.retrieval.filters.columns import score_columns


def filter_scores(
    part: Filter,
    graph: StaticGraph,
    solved: Mapping[str, np.ndarray],
    history: SparseRows,
    item: Int32[np.ndarray, " some"] | None,
) -> Float32[np.ndarray, "b some"]:
    """Return what a filter lets through of each history.

    Args:
        part: The filter.
        graph: Users and items, each pair once.
        solved: What it has worked out for it.
        history: What weight each item of each requester's history has.
        item: The items wanted, rising; every one if left out.
    """
    if item is None:
        return part.scores(graph, solved, history)
    if isinstance(part, FiltersSome):
        return part.scores_of(graph, solved, history, item)
    return score_columns(lambda some: part.scores(graph, solved, some), history, item)
