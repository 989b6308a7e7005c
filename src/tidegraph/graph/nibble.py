"""Local clusters: the part around a node that few edges leave (PPR-Nibble)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32

from tidegraph.compiled import compiled, over_rows
from tidegraph.errors import ConfigError
from tidegraph.graph.homogeneous import Homogeneous
from tidegraph.graph.push import Push, Pushed, personalized_pagerank


class Clusters(NamedTuple):
    """A cluster around each seed.

    Attributes:
        node: Rows of nodes, the seed first, then in the order of the sweep; -1 where
            the cluster has no more.
        score: Personalised PageRank of each, 0 where there is none.
        conductance: Strength of the edges that leave the cluster over the strength
            within the smaller side; 0 where nothing leaves it.
    """

    node: Int32[np.ndarray, "seeds size"]
    score: Float64[np.ndarray, "seeds size"]
    conductance: Float64[np.ndarray, " seeds"]


def local_clusters(
    graph: Homogeneous,
    seeds: Int32[np.ndarray, " seeds"],
    *,
    size: int,
    settings: Push,
) -> Clusters:
    """Return for each seed the prefix of the sweep with the smallest conductance.

    The sweep takes nodes by personalised PageRank over strength, highest first, ties by
    row, up to ``size`` nodes.

    Args:
        graph: Where to look.
        seeds: Rows of nodes.
        size: Most nodes in a cluster.
        settings: Of the PageRank.

    Source:
        Andersen, Chung & Lang, "Local graph partitioning using PageRank vectors"
        (2006); Qiu et al., "Local clustering graph neural networks" (LCGNN).

    Departs:
        The seed is taken first whatever its rank, so that every cluster holds its seed.
    """
    if size < 1:
        raise ConfigError(f"a cluster of {size} nodes holds nothing; at least 1.")
    pushed = personalized_pagerank(graph, seeds, settings)
    shape = (len(seeds), size)
    out = Clusters(np.full(shape, -1, np.int32), np.zeros(shape), np.empty(len(seeds)))
    over_rows(
        lambda a, b: _sweep(
            (graph.ptr, graph.node, graph.weight, graph.strength),
            float(graph.strength.sum()),
            seeds,
            pushed,
            out,
            a,
            b,
        ),
        len(seeds),
        grain=64,
    )
    return out


@compiled
def _sweep(
    graph: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    volume: float,
    seeds: np.ndarray,
    pushed: Pushed,
    out: Clusters,
    first: int,
    last: int,
) -> None:
    ptr, node, weight, strength = graph
    cluster, score, conductance = out
    inside = np.zeros(strength.size, np.bool_)
    for q in range(first, last):
        low, high = pushed[0][q], pushed[0][q + 1]
        rows, value = pushed[1][low:high], pushed[2][low:high]
        rank = np.empty(rows.size, np.float64)
        for j in range(rows.size):
            rank[j] = -value[j] / max(strength[rows[j]], 1e-300)
            if rows[j] == seeds[q]:
                rank[j] = -np.inf
        by_row = np.argsort(rows)
        order = by_row[np.argsort(rank[by_row], kind="mergesort")]
        order = order[: min(order.size, cluster.shape[1])]
        cut, within, best, kept = 0.0, 0.0, np.inf, 0
        for j in range(order.size):
            v = rows[order[j]]
            within += strength[v]
            cut += strength[v]
            for e in range(ptr[v], ptr[v + 1]):
                if node[e] == v:
                    cut -= weight[e]
                elif inside[node[e]]:
                    cut -= 2 * weight[e]
            inside[v] = True
            smaller = min(within, volume - within)
            # Sums of the same numbers in another order differ in the last digits.
            leaving = cut if cut > 1e-9 * within else 0.0
            share = leaving / smaller if smaller > 1e-9 * volume else 1.0
            share = 0.0 if within == 0.0 else share
            if share < best:
                best, kept = share, j + 1
        conductance[q] = best
        for j in range(order.size):
            inside[rows[order[j]]] = False
            if j < kept:
                cluster[q, j] = rows[order[j]]
                score[q, j] = value[order[j]]
