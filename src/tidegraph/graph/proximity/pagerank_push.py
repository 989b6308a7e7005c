"""Personalised PageRank by forward push: exact up to a bound, local in its work."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32, Int64

from tidegraph.errors import RequestError
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.ragged import starts
from tidegraph.kernels.topk import stable_order
from tidegraph.ranges import above, within

_SEEDS = 64
"""Seeds a thread takes at once, so that its scratch space is made seldom."""

_NEW, _SEEN, _WAITING = 0, 1, 2


class Pushed(NamedTuple):
    """What walks from each seed reach, laid end to end.

    Attributes:
        ptr: Where each seed's nodes start.
        node: Rows of nodes, highest score first, ties by row.
        score: Estimate of the personalised PageRank, never above it.
        left: Probability that was not handed out, one number for each seed.
    """

    ptr: Int64[np.ndarray, " starts"]
    node: Int32[np.ndarray, " entries"]
    score: Float64[np.ndarray, " entries"]
    left: Float64[np.ndarray, " seeds"]


@dataclass(frozen=True)
class Push:
    """Settings of a push.

    Attributes:
        restart: Probability that a walk ends at each step; where it ends counts. The
            .15 of the literature; the retriever ``PersonalizedPageRank`` has its own.
        epsilon: No node keeps more than this times its degree of what is to be handed
            on, where the degree is its strength over the mean weight of an edge. Then
            0 <= PageRank - score <= epsilon times the degree of the node, and the work
            of a seed is at most 1 / (epsilon * restart) edges and those of the seed,
            whatever the size of the graph and the unit of its weights.
    """

    restart: float = 0.15
    epsilon: float = 1e-6

    def __post_init__(self) -> None:
        within("PageRank", restart=self.restart)
        above("PageRank", 0, epsilon=self.epsilon)


def personalized_pagerank(
    graph: StaticGraph, seeds: Int32[np.ndarray, " seeds"], settings: Push
) -> Pushed:
    """Return the personalised PageRank around each seed.

    The score of v is the probability that a walk from the seed ends at v, where each
    step ends it with probability ``restart`` before an edge is taken by its weight. A
    node without edges keeps all that reaches it.

    Args:
        graph: Where to walk; undirected, which the bound needs.
        seeds: Rows of the nodes to start from.
        settings: How likely walks end, and how exact the scores are.

    Raises:
        RequestError: A seed is no row of the graph.

    Source:
        Andersen, Chung & Lang, "Local graph partitioning using PageRank vectors"
        (2006), section 3.

    Departs:
        A seed is pushed once whatever its degree, so that a hub has an answer too.
        Walks are not lazy: a restart of r there is one of 2 r / (1 + r) here.
    """
    if len(seeds) and not 0 <= int(seeds.min()) <= int(seeds.max()) < len(graph):
        raise RequestError(
            f"seeds go from {int(seeds.min())} to {int(seeds.max())}, and the graph "
            f"has {len(graph)} nodes. Pass rows of the static graph."
        )
    # Weights may be of any unit: what a node may keep is counted in mean edges.
    unit = float(graph.weight.mean()) if len(graph.weight) else 1.0
    found: dict[int, tuple[np.ndarray, ...]] = {}

    def block(first: int, last: int) -> None:
        found[first] = _push_from_seeds(
            (graph.ptr, graph.node, graph.weight, graph.strength),
            seeds[first:last],
            settings.restart,
            settings.epsilon / unit,
        )

    over_rows(block, len(seeds), _SEEDS)
    parts = [found[first] for first in sorted(found)]
    sizes = np.concatenate([part[0] for part in parts])
    return Pushed(
        starts(sizes),
        *(np.concatenate([part[n] for part in parts]) for n in (1, 2, 3)),
    )


@compiled
def _push_from_seeds(
    graph: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    seeds: np.ndarray,
    restart: float,
    epsilon: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    nodes = graph[3].size
    score, rest = np.zeros(nodes), np.zeros(nodes)
    state = np.zeros(nodes, np.int8)
    queue = np.empty(nodes + 1, np.int32)
    touched = np.empty(nodes, np.int32)
    size = np.empty(seeds.size, np.int64)
    left = np.empty(seeds.size, np.float64)
    node, value = np.empty(1024, np.int32), np.empty(1024, np.float64)
    filled = 0
    for q in range(seeds.size):
        count = _push_from_seed(
            graph, seeds[q], restart, epsilon, score, rest, state, queue, touched
        )
        left[q] = 0.0
        kept = 0
        for j in range(count):
            left[q] += rest[touched[j]]
            kept += score[touched[j]] > 0
        while filled + kept > node.size:
            node = np.concatenate((node, np.empty_like(node)))
            value = np.concatenate((value, np.empty_like(value)))
        rows = np.sort(touched[:count])
        rows = rows[score[rows] > 0]
        rows = rows[stable_order(-score[rows])]
        node[filled : filled + kept] = rows
        value[filled : filled + kept] = score[rows]
        filled += kept
        size[q] = kept
        for j in range(count):
            score[touched[j]] = 0.0
            rest[touched[j]] = 0.0
            state[touched[j]] = _NEW
    return size, node[:filled], value[:filled], left


@compiled
def _push_from_seed(
    graph: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    seed: int,
    restart: float,
    epsilon: float,
    score: np.ndarray,
    rest: np.ndarray,
    state: np.ndarray,
    queue: np.ndarray,
    touched: np.ndarray,
) -> int:
    """Push from one seed until no node keeps too much; return how many were touched."""
    ptr, node, weight, strength = graph
    touched[0], count = seed, 1
    if strength[seed] == 0:
        score[seed] = 1.0
        return count
    rest[seed] = 1.0
    queue[0], head, tail = seed, 0, 1
    state[seed] = _WAITING
    while head != tail:
        v = queue[head]
        head = (head + 1) % queue.size
        state[v] = _SEEN
        held = rest[v]
        score[v] += restart * held
        rest[v] = 0.0
        share = (1 - restart) * held / strength[v]
        for e in range(ptr[v], ptr[v + 1]):
            u = node[e]
            if state[u] == _NEW:
                touched[count] = u
                count += 1
                state[u] = _SEEN
            rest[u] += share * weight[e]
            if state[u] != _WAITING and rest[u] >= epsilon * strength[u]:
                state[u] = _WAITING
                queue[tail] = u
                tail = (tail + 1) % queue.size
    return count
