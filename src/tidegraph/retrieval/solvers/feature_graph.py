"""The graph of what is known of items: each beside those that are most like it."""

import numpy as np
import scipy
from jaxtyping import Int, Int64

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.views.feature_column import feature_of_nodes
from tidegraph.features.values import (
    category_numbers,
    check_tells_apart,
    standardised,
)
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.ragged import starts
from tidegraph.retrieval.solvers.coarsening import coarsen

_LEVELS = 5  # Of the coarsening whose nodes are the clusters.


def describe_items(
    items: Vocabulary, columns: tuple[str, ...], rows: Int[np.ndarray, " n"]
) -> "scipy.sparse.csr_array":
    """Return what some columns say of items, a row for each of ``rows``.

    Numbers are less their mean, over their deviation; what is no number has a column of
    0 and 1 for each value. What is not known is 0.

    Raises:
        DataError: The items have no such feature, or it tells no two apart.
    """
    parts: list[scipy.sparse.csr_array] = []
    for column in columns:
        values = feature_of_nodes(items, column, "item")[rows]
        check_tells_apart(values, len(rows), column)
        if values.dtype.is_numeric():
            number = standardised(values, len(rows)).astype(np.float64)
            parts.append(scipy.sparse.csr_array(number[:, None]))
            continue
        kinds, kind = category_numbers(values, len(rows))
        there = np.flatnonzero(kind)
        entries = np.ones(len(there)), (there, kind[there] - 1)
        parts.append(scipy.sparse.csr_array(entries, shape=(len(rows), kinds)))
    return scipy.sparse.csr_array(scipy.sparse.hstack(parts, format="csr"))


def clusters(
    adjacency: "scipy.sparse.csr_array", rng: np.random.Generator
) -> Int64[np.ndarray, " nodes"]:
    """Return the cluster of each node: what it is in once a graph is coarsened a lot.

    Source:
        Deng et al. (2020), section 3.1, and the authors' program, which takes 5 levels.
    """
    part = np.arange(adjacency.shape[0])
    for _ in range(_LEVELS):
        level = coarsen(adjacency, rng)
        part, adjacency = level.part[part], level.coarser()
    return part


def feature_graph(
    described: "scipy.sparse.csr_array",
    part: Int64[np.ndarray, " n"],
    neighbors: int,
) -> "scipy.sparse.csr_array":
    """Return the graph that joins each node with those of its cluster most like it.

    Near is what has a small Euclidean distance; an edge weighs the cosine. Of equals
    those that come next by row, and after the last the first, so that items of one
    category are joined in a ring and not with the same few.

    Args:
        described: What is known of each node.
        part: The cluster of each.
        neighbors: How many of its cluster a node is joined with.

    Source:
        Deng et al. (2020), section 3.1.

    Departs:
        What has no cosine, or one below 0, is not joined: the authors' program takes
        its absolute value, and 1 for two nodes of which nothing is known.
    """
    count = len(part)
    order = np.argsort(part, kind="stable")
    ptr = starts(np.bincount(part))
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    near = np.full((count, neighbors), -1, np.int64)
    cosine = np.zeros((count, neighbors))
    described = scipy.sparse.csr_array(described)
    described.sort_indices()
    rows = described.indptr.astype(np.int64), described.indices, described.data
    square = np.asarray((described * described).sum(axis=1)).ravel()
    over_rows(
        lambda a, b: _write_nearest(
            rows, square, (order, place, ptr, part), near, cosine, a, b
        ),
        count,
        grain=64,
    )
    here = np.repeat(np.arange(count), neighbors)
    kept = cosine.ravel() > 0
    entries = cosine.ravel()[kept], (here[kept], near.ravel()[kept])
    half = scipy.sparse.csr_array(entries, shape=(count, count))
    return scipy.sparse.csr_array(half.maximum(half.T))


@compiled
def _sparse_dot(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray], one: int, other: int
) -> float:
    ptr, column, value = rows
    a, b = ptr[one], ptr[other]
    total: float = 0.0
    while a < ptr[one + 1] and b < ptr[other + 1]:
        if column[a] == column[b]:
            total += float(value[a] * value[b])
            a += 1
            b += 1
        elif column[a] < column[b]:
            a += 1
        else:
            b += 1
    return total


@compiled
def _write_nearest(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    square: np.ndarray,
    clusters: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    near: np.ndarray,
    cosine: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Write the nearest of each node's cluster, and their cosines."""
    order, place, ptr, part = clusters
    width = near.shape[1]
    far = np.empty(width)
    for i in range(first, last):
        far[:] = np.inf
        begin, size = ptr[part[i]], ptr[part[i] + 1] - ptr[part[i]]
        for step in range(1, size):
            j = int(order[begin + (place[i] - begin + step) % size])
            product = _sparse_dot(rows, i, j)
            apart = square[i] + square[j] - 2 * product
            if apart >= far[-1]:
                continue
            at = width - 1
            while at > 0 and far[at - 1] > apart:
                far[at] = far[at - 1]
                near[i, at] = near[i, at - 1]
                cosine[i, at] = cosine[i, at - 1]
                at -= 1
            far[at] = apart
            near[i, at] = j
            length = np.sqrt(square[i] * square[j])
            cosine[i, at] = product / length if length > 0 else 0.0
