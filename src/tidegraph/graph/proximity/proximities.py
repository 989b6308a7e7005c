"""Proximities: how near every node of a graph is to some of them.

    @proximity("jaccard")
    def jaccard(graph: StaticGraph, seeds: np.ndarray) -> sparse.csr_array: ...

    near("click", type="item", count=50, by=jaccard())

A proximity is a function of a graph, as of a clock, and of rows of it. It returns a
sparse row of scores for each; what is not stored is not near.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, ParamSpec, cast

import numpy as np
from jaxtyping import Float64, Int32, Int64
from scipy import sparse

from tidegraph.errors import RequestError
from tidegraph.graph.proximity.pagerank_push import Push, personalized_pagerank
from tidegraph.graph.registry import Named, Registry
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.sparse_rows import order_and_ranks

P = ParamSpec("P")
_BLOCK = 256
"""Seeds whose scores are held at once."""


@dataclass(frozen=True)
class Proximity(Named):
    """Which proximity to call, and how: plain data."""

    def __call__(
        self, graph: StaticGraph, seeds: Int32[np.ndarray, " q"]
    ) -> sparse.csr_array:
        """Return a row of scores for each seed.

        Raises:
            ConfigError: No proximity of that name was defined.
            RequestError: It returned something else.
        """
        found: Any = PROXIMITIES.call(self, graph, seeds)
        shape = (len(seeds), len(graph))
        given = getattr(found, "shape", None)
        if not cast(Any, sparse).issparse(found) or given != shape:
            raise RequestError(
                f"proximity {self.name!r} returned {type(found).__name__} of shape "
                f"{given}. Return a sparse array of shape {shape}: a row for each seed."
            )
        scores = sparse.csr_array(found)
        if not bool(np.isfinite(scores.data).all()):
            raise RequestError(
                f"proximity {self.name!r} returned a score that is not a finite number."
            )
        return scores

    def __repr__(self) -> str:
        return f"proximity({self})"


PROXIMITIES = Registry("proximity", 2, Proximity)


def proximity(
    name: str,
) -> Callable[
    [Callable[Concatenate[StaticGraph, Int32[np.ndarray, " q"], P], sparse.csr_array]],
    Callable[P, Proximity],
]:
    """Define a proximity under a name; what it returns makes its ``Proximity``.

    Raises:
        ConfigError: The name is taken by another function.
    """
    return partial(PROXIMITIES.define, name)


@proximity("common_neighbors")
def common_neighbors(
    graph: StaticGraph, seeds: Int32[np.ndarray, " q"]
) -> sparse.csr_array:
    """Count the neighbours that two nodes share: ``A^2``, each edge once."""
    linked = _adjacency_matrix(graph)
    return sparse.csr_array(linked[seeds] @ linked)


@proximity("adamic_adar")
def adamic_adar(graph: StaticGraph, seeds: Int32[np.ndarray, " q"]) -> sparse.csr_array:
    """Let a shared neighbour count less, the more it has: ``A D A``.

    ``D`` is diagonal with ``1 / log(degree)``.

    Source:
        Adamic & Adar (2003), "Friends and neighbors on the Web".
    """
    linked = _adjacency_matrix(graph)
    rare = sparse.diags_array(adamic_adar_weights(graph.degree()))
    return sparse.csr_array(linked[seeds] @ rare @ linked)


def adamic_adar_weights(
    degree: Int64[np.ndarray, " nodes"],
) -> Float64[np.ndarray, " nodes"]:
    """Return ``1 / log(degree)``, and 0 for a degree below 2.

    A node with one neighbour is common to no two nodes, so its weight is never used.

    Source:
        Adamic & Adar (2003), "Friends and neighbors on the Web".
    """
    shared = degree >= 2
    return np.where(shared, 1 / np.log(np.where(shared, degree, 2)), 0.0)


@proximity("pagerank")
def pagerank(
    graph: StaticGraph,
    seeds: Int32[np.ndarray, " q"],
    restart: float = 0.15,
    epsilon: float = 1e-6,
) -> sparse.csr_array:
    """Return where walks from each seed end, by push; see ``Push`` for its bound."""
    found = personalized_pagerank(graph, seeds, Push(restart, epsilon))
    shape = (len(seeds), len(graph))
    return sparse.csr_array((found.score, found.node, found.ptr), shape=shape)


def nearest(
    graph: StaticGraph,
    proximity: Proximity,
    seeds: Int32[np.ndarray, " q"],
    rows: range,
    count: int,
) -> tuple[Int32[np.ndarray, "q k"], np.ndarray]:
    """Return the nodes of largest score among some rows, best first, ties by row.

    Args:
        graph: Where to look.
        proximity: What to score by.
        seeds: Rows to start from, which are not their own neighbours.
        rows: What may be returned.
        count: How many of each.

    Returns:
        Places within ``rows``, -1 where there are no more, and their scores.
    """
    node = np.full((len(seeds), count), -1, np.int32)
    score = np.zeros((len(seeds), count), np.float32)
    for first in range(0, len(seeds), _BLOCK):
        some = slice(first, first + _BLOCK)
        found = proximity(graph, seeds[some])
        at = np.repeat(np.arange(found.shape[0]), np.diff(found.indptr))
        column, value = found.indices, found.data
        kept = (column >= rows.start) & (column < rows.stop) & (value > 0)
        kept &= column != seeds[some][at]
        at, column, value = at[kept], column[kept], value[kept]
        order, rank = order_and_ranks(at, column, value)
        best, rank = order[rank < count], rank[rank < count]
        node[some][at[best], rank] = column[best] - rows.start
        score[some][at[best], rank] = value[best]
    return node, score


def _adjacency_matrix(graph: StaticGraph) -> sparse.csr_array:
    ones = np.ones(len(graph.node))
    shape = (len(graph), len(graph))
    return sparse.csr_array((ones, graph.node, graph.ptr), shape=shape)
