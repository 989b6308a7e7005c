"""Local clusters: the part around a node that few edges leave (PPR-Nibble)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32

from tidegraph.errors import ConfigError
from tidegraph.graph.proximity.pagerank_push import Push, Pushed, personalized_pagerank
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.topk import stable_order


class Clusters(NamedTuple):
    """A cluster around each seed.

    Attributes:
        node: Rows of nodes, the seed first, then in the order of the sweep; -1 where
            the cluster has no more.
        score: Personalised PageRank of each, 0 where there is none.
        conductance: Strength of the edges that leave the cluster over the strength
            within the smaller side; 0 where nothing leaves it, 1 where nothing is left.
    """

    node: Int32[np.ndarray, "seeds size"]
    score: Float64[np.ndarray, "seeds size"]
    conductance: Float64[np.ndarray, " seeds"]


def local_clusters(
    graph: StaticGraph,
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
    volume = _total_strength(graph.strength)
    shape = (len(seeds), size)
    out = Clusters(np.full(shape, -1, np.int32), np.zeros(shape), np.empty(len(seeds)))
    over_rows(
        lambda a, b: _sweep_cuts(
            (graph.ptr, graph.node, graph.weight, graph.strength),
            volume,
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
def _add_compensated(high: float, low: float, value: float) -> tuple[float, float]:
    """Add to a sum that keeps what rounding loses (Neumaier 1974)."""
    total = high + value
    if abs(high) >= abs(value):
        return total, low + ((high - total) + value)
    return total, low + ((value - total) + high)


@compiled
def _total_strength(strength: np.ndarray) -> tuple[float, float, int]:
    """Return the strength of all nodes, in two parts, and how many have any."""
    high, low, nodes = 0.0, 0.0, 0
    for v in range(strength.size):
        high, low = _add_compensated(high, low, strength[v])
        nodes += strength[v] > 0
    return high, low, nodes


@compiled
def _sweep_cuts(
    graph: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    volume: tuple[float, float, int],
    seeds: np.ndarray,
    pushed: Pushed,
    out: Clusters,
    first: int,
    last: int,
) -> None:
    strength = graph[3]
    cluster, score, conductance = out
    inside = np.zeros(strength.size, np.bool_)
    for q in range(first, last):
        low, high = pushed[0][q], pushed[0][q + 1]
        rows, value = pushed[1][low:high], pushed[2][low:high]
        rank = np.empty(rows.size, np.float64)
        for j in range(rows.size):
            # A node without edges is reached by nothing but itself.
            rank[j] = -np.inf if rows[j] == seeds[q] else -value[j] / strength[rows[j]]
        by_row = stable_order(rows)
        order = by_row[stable_order(rank[by_row])]
        order = order[: min(order.size, cluster.shape[1])]
        kept, conductance[q] = _best_prefix(graph, volume, rows[order], inside)
        for j in range(kept):
            cluster[q, j] = rows[order[j]]
            score[q, j] = value[order[j]]


@compiled
def _best_prefix(
    graph: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    volume: tuple[float, float, int],
    order: np.ndarray,
    inside: np.ndarray,
) -> tuple[int, float]:
    """Return how long the prefix of smallest conductance is, and its conductance."""
    ptr, node, weight, strength = graph
    # What leaves is a small difference of large sums, so sums carry what they lose;
    # whether anything leaves is counted.
    cut, cut_low, leaving = 0.0, 0.0, 0
    within, within_low = 0.0, 0.0
    outside, outside_low, others = volume
    best, kept = np.inf, 0
    for j in range(order.size):
        v = order[j]
        within, within_low = _add_compensated(within, within_low, float(strength[v]))
        outside, outside_low = _add_compensated(
            outside, outside_low, -float(strength[v])
        )
        others -= strength[v] > 0
        for e in range(ptr[v], ptr[v + 1]):
            if node[e] != v:
                sign = -1 if inside[node[e]] else 1
                leaving += sign
                cut, cut_low = _add_compensated(cut, cut_low, sign * weight[e])
        inside[v] = True
        if leaving == 0:
            share = 1.0 if others == 0 and strength[v] > 0 else 0.0
        else:
            share = (cut + cut_low) / min(within + within_low, outside + outside_low)
        if share < best:
            best, kept = share, j + 1
    for j in range(order.size):
        inside[order[j]] = False
    return kept, best
