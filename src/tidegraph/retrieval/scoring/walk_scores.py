"""Walks between items as sparse tables: how each item votes for those it leads to.

A score that adds up walks from the history is linear in the history. So the walks from
each item are added up once, in ``fit``, each item keeps those it reaches most, and an
answer is a sum of a few rows, like that of any other sparse item-item model.
"""

from collections.abc import Callable

import numpy as np
import scipy
from jaxtyping import Float64

from tidegraph.graph.from_log import ITEM
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.jit import compiled, over_rows_in
from tidegraph.kernels.ragged import starts
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.kernels.topk import offer_to_heap, sort_heap
from tidegraph.progress import track
from tidegraph.ranges import at_least
from tidegraph.stages import NO_ITEM

_ENTRIES = 1 << 22  # How many are held before they are made sparse.

Room = tuple[np.ndarray, np.ndarray]
"""Sums by node, all 0 between rows, and the nodes that were touched."""


def two_steps(
    graph: StaticGraph,
    weight: Float64[np.ndarray, " nodes"],
    neighbors: int | None,
    *,
    back: bool = False,
) -> "scipy.sparse.csr_array":
    """Return A D A between items of the unweighted graph.

    Args:
        graph: Its items are the rows and columns of the answer.
        weight: D, what each shared neighbour counts; at 0 it counts for nothing.
        neighbors: How many of the highest entries each row keeps, all if None; ties
            break on item number.
        back: Do walks back to the item they came from count?

    Raises:
        ConfigError: ``neighbors`` is below 1.
    """
    return _kept(
        lambda room, start, item, score, a, b: _two_steps(
            room, (graph.ptr, graph.node), weight, back, start, item, score, a, b
        ),
        graph.size(ITEM),
        len(graph.ptr) - 1,
        neighbors,
    )


def walks(
    graph: StaticGraph,
    scale: Float64[np.ndarray, " nodes"],
    factor: float,
    steps: int,
    neighbors: int | None,
) -> "scipy.sparse.csr_array":
    """Return ``sum_k factor^k (Diag(scale) A)^k`` between items, k = 0 .. ``steps``.

    Row h is of the walks from item h. A scale of 1 counts walks (Katz); one over the
    strength of each node spreads probability (PageRank). Items without an edge have
    empty rows.

    Args:
        graph: Where to walk; between users and items every edge counts once.
        scale: What a node's value is multiplied by as it is handed on.
        factor: What each step is multiplied by.
        steps: Length of the longest walk.
        neighbors: How many of the highest entries each row keeps after each round, all
            if None. Between users and items a round is two steps, cut alike, else one;
            what is kept falls short of the sum by the walks over what was not.

    Raises:
        ConfigError: ``neighbors`` is below 1.
    """
    items = graph.size(ITEM)
    own = factor * scale[:items]
    if items < len(graph):
        between = two_steps(graph, factor * scale, neighbors, back=True)
        rounds = steps // 2
    else:
        between, rounds = graph.csr(), steps
    onward = SparseRows.of(
        scipy.sparse.csr_array(scipy.sparse.diags_array(own) @ between)
    )
    linked = (graph.degree()[:items] > 0).astype(np.float32)
    # Horner's scheme: I + S (I + S (...)).
    total = scipy.sparse.csr_array(scipy.sparse.diags_array(linked))
    for _ in track(range(rounds), "walks"):
        total = _extended(onward, total, neighbors)
    total.eliminate_zeros()
    return total


def _extended(
    onward: SparseRows, total: "scipy.sparse.csr_array", neighbors: int | None
) -> "scipy.sparse.csr_array":
    """Return the identity plus one more step before the walks so far."""
    so_far = SparseRows.of(total)
    return _kept(
        lambda room, start, item, score, a, b: _extend_walks(
            room,
            (onward.ptr, onward.column, onward.weight),
            (so_far.ptr, so_far.column, so_far.weight),
            start,
            item,
            score,
            a,
            b,
        ),
        len(onward),
        len(so_far),
        neighbors,
    )


def _kept(
    fill: Callable[[Room, int, np.ndarray, np.ndarray, int, int], None],
    items: int,
    nodes: int,
    neighbors: int | None,
) -> "scipy.sparse.csr_array":
    """Return a table whose rows ``fill`` writes, a block at a time to bound memory."""
    at_least("walks", 1, neighbors=neighbors)
    width = min(neighbors or items, items)
    step = max(64, _ENTRIES // max(width, 1))
    blocks: list[scipy.sparse.csr_array] = []
    for start in range(0, items, step):
        rows = min(step, items - start)
        item = np.full((rows, width), NO_ITEM, np.int32)
        score = np.full(item.shape, -np.inf, np.float32)
        over_rows_in(
            lambda: (np.zeros(nodes), np.empty(nodes, np.int32)),
            lambda room, a, b, start=start, item=item, score=score: fill(
                room, start, item, score, a, b
            ),
            rows,
            grain=64,
        )
        kept = item != NO_ITEM
        ptr = starts(kept.sum(axis=1))
        parts = (score[kept], item[kept], ptr)
        blocks.append(scipy.sparse.csr_array(parts, shape=(rows, items)))
    return scipy.sparse.csr_array(scipy.sparse.vstack(blocks, format="csr"))


@compiled
def _two_steps(
    room: Room,
    graph: tuple[np.ndarray, np.ndarray],
    weight: np.ndarray,
    back: bool,
    start: int,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    ptr, node = graph
    total, touched = room
    for row in range(first, last):
        h = start + row
        count = 0
        for e in range(ptr[h], ptr[h + 1]):
            z = node[e]
            if weight[z] == 0:
                continue
            for f in range(ptr[z], ptr[z + 1]):
                i = node[f]
                if total[i] == 0:
                    touched[count] = i
                    count += 1
                total[i] += weight[z]
        if not back:
            # It was touched, so that it is passed over below.
            total[h] = 0
        _keep(total, touched, count, item[row], score[row])


@compiled
def _extend_walks(
    room: Room,
    onward: tuple[np.ndarray, np.ndarray, np.ndarray],
    so_far: tuple[np.ndarray, np.ndarray, np.ndarray],
    start: int,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    total, touched = room
    for row in range(first, last):
        h = start + row
        if onward[0][h] == onward[0][h + 1]:
            continue
        touched[0], total[h], count = h, 1.0, 1
        for e in range(onward[0][h], onward[0][h + 1]):
            j = onward[1][e]
            for f in range(so_far[0][j], so_far[0][j + 1]):
                i = so_far[1][f]
                if total[i] == 0:
                    touched[count] = i
                    count += 1
                total[i] += onward[2][e] * so_far[2][f]
        _keep(total, touched, count, item[row], score[row])


@compiled
def _keep(
    total: np.ndarray,
    touched: np.ndarray,
    count: int,
    item: np.ndarray,
    score: np.ndarray,
) -> None:
    """Write the items with the highest sums, and clear all that were touched."""
    found = 0
    for t in range(count):
        i = touched[t]
        s = np.float32(total[i])
        total[i] = 0
        if s > 0 and (found < item.size or s >= score[0]):
            found = offer_to_heap(item, score, found, i, float(s))
    sort_heap(item, score, found)
