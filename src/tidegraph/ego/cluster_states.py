"""The local clusters of a batch as one graph, whose parts share nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.ego.cluster import LocalCluster
from tidegraph.ego.surroundings import (
    Surroundings,
    check_types_numbered,
    distinct_states,
)
from tidegraph.errors import LeakageError
from tidegraph.graph.proximity.local_cluster import local_clusters
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.static import StaticGraph
from tidegraph.graph.storage.tcsr import NOW
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.ragged import starts

_Kept = Int32[np.ndarray, "nodes size"] | None
"""The clusters that were found of a graph, -1 for the others; none if not kept."""


class _Inside(NamedTuple):
    """Clusters, and the edges within them.

    Attributes:
        member: Nodes of each in the numbering of all types, -1 where there are no more.
        ends: Place among all members of the target and the source of each edge.
        weight: Strength of each edge.
    """

    member: Int64[np.ndarray, "_ _"]
    ends: Int64[np.ndarray, "2 _"]
    weight: Float32[np.ndarray, " _"]


@dataclass(frozen=True, eq=False)
class ClusterSurveyor:
    """Finds the clusters of nodes, and the edges within each.

    A node that is in the clusters of two is a state of each: an encoder works inside a
    cluster and sees nothing of another.

    Attributes:
        graph: Where to look.
        plan: The clusters.
        layers: How many layers the encoder has, all of them over whole clusters.
        first: The number of the first node of each type.

    Source:
        Qiu et al., "Local Clustering Graph Neural Networks" (LCGNN).
    """

    graph: Snapshot
    plan: LocalCluster
    layers: int
    first: Mapping[str, int]

    def __post_init__(self) -> None:
        ends = (end for edge in self.plan.edges for end in self.graph.ends(edge))
        check_types_numbered(self.plan, ends, self.first)

    @property
    def needs_clocks(self) -> bool:
        """Do clusters depend on a moment?"""
        timed = any(self.graph[edge].is_timed for edge in self.plan.edges)
        return timed and not self.plan.ever

    def around(
        self,
        nodes: Int64[np.ndarray, " b"],
        clocks: Int64[np.ndarray, " b"] | None,
        seed: int,
    ) -> Surroundings:
        """Return the clusters of nodes as of moments.

        Args:
            nodes: In the numbering of all types.
            clocks: The moment of each; a static graph is made for each moment.
            seed: Plays no part.

        Raises:
            LeakageError: Edges have times, and there are no clocks.
        """
        if clocks is None and self.needs_clocks:
            raise LeakageError(
                f"{self.plan} needs clocks: its edges have times. Pass some, or say "
                "all_time=True."
            )
        known = np.full(len(nodes), NOW, np.int64) if clocks is None else clocks
        seat, node, clock = distinct_states(nodes, known)
        parts = [
            (mine, self._clusters_with_edges(whole, node[mine], kept))
            for mine, whole, kept in self._graphs_by_clock(clock)
        ]
        return _joined_states(seat, node, clock, parts, self.layers)

    def _graphs_by_clock(
        self, clock: Int64[np.ndarray, " q"]
    ) -> Iterator[tuple[Int64[np.ndarray, " mine"], StaticGraph, _Kept]]:
        """Yield the graph as of each moment, which states have it, and what is kept."""
        for moment in np.unique(clock):
            mine = np.flatnonzero(clock == moment)
            if moment == NOW:
                yield mine, self._static_graph, self._known_clusters
            else:
                past = self.graph.before(int(moment))
                yield mine, StaticGraph.of(past, self.plan.edges), None

    @cached_property
    def _static_graph(self) -> StaticGraph:
        return StaticGraph.of(self.graph, self.plan.edges)

    @cached_property
    def _known_clusters(self) -> Int32[np.ndarray, "nodes size"]:
        """The clusters of the whole graph that were looked for, -1 of the others.

        Those of all edges are the same in every batch and epoch, and the work of one is
        that of a push: a thousand times a look into a table.
        """
        return np.full((len(self._static_graph), self.plan.size), -1, np.int32)

    def _clusters_of(
        self, graph: StaticGraph, row: Int32[np.ndarray, " q"], kept: _Kept
    ) -> Int32[np.ndarray, "q size"]:
        """Return the cluster of each row of a static graph."""
        size, settings = self.plan.size, self.plan.settings
        if kept is None:
            return local_clusters(graph, row, size=size, settings=settings).node
        new = np.unique(row[kept[row, 0] < 0])
        kept[new] = local_clusters(graph, new, size=size, settings=settings).node
        return kept[row]

    def _clusters_with_edges(
        self, whole: StaticGraph, node: Int64[np.ndarray, " q"], kept: _Kept
    ) -> _Inside:
        """Return the clusters around nodes, and the edges within them."""
        ours = np.array(list(self.first.values()))
        theirs = np.array([whole.first[name] for name in self.first])
        kind = np.searchsorted(ours, node, side="right") - 1
        row = (node - ours[kind] + theirs[kind]).astype(np.int32)
        found = self._clusters_of(whole, row, kept)
        graph = whole.ptr, whole.node, whole.weight
        ptr = starts(
            _edges_within(graph, found, np.zeros((3, 0)), np.zeros(0, np.int64))
        )
        ends = np.empty((3, int(ptr[-1])))
        _edges_within(graph, found, ends, ptr[:-1])
        # The types of the static graph come in the order of their first rows.
        order = np.argsort(theirs)
        kind = order[np.searchsorted(theirs[order], found, side="right") - 1]
        member = np.where(found >= 0, found - theirs[kind] + ours[kind], -1)
        return _Inside(member, ends[:2].astype(np.int64), ends[2].astype(np.float32))


def _joined_states(
    seat: Int32[np.ndarray, " b"],
    node: Int64[np.ndarray, " q"],
    clock: Int64[np.ndarray, " q"],
    parts: Sequence[tuple[Int64[np.ndarray, " _"], _Inside]],
    layers: int,
) -> Surroundings:
    """Return clusters as one graph: the nodes in the middle first."""
    nodes, clocks = [node], [clock]
    edges = [np.zeros((2, 0), np.int64)]
    weights = [np.zeros(0, np.float32)]
    states = len(node)
    for mine, inside in parts:
        there = inside.member[:, 1:] >= 0
        state = np.full(inside.member.shape, -1, np.int64)
        state[:, 0] = mine
        state[:, 1:][there] = states + np.arange(int(there.sum()))
        states += int(there.sum())
        nodes.append(inside.member[:, 1:][there])
        clocks.append(np.repeat(clock[mine], there.sum(axis=1)))
        edges.append(state.ravel()[inside.ends])
        weights.append(inside.weight)
    row, column = np.concatenate(edges, axis=1)
    order = np.argsort(row, kind="stable")
    weight = np.concatenate(weights)[order]
    strength = np.bincount(row[order], weight, minlength=states).astype(np.float32)
    return Surroundings(
        seat,
        np.concatenate(nodes),
        np.concatenate(clocks),
        starts(np.bincount(row, minlength=states)),
        column[order].astype(np.int32),
        weight,
        strength,
        (*[states] * layers, len(node)),
    )


@compiled
def _edges_within(
    graph: tuple[np.ndarray, np.ndarray, np.ndarray],
    cluster: np.ndarray,
    ends: np.ndarray,
    start: np.ndarray,
) -> np.ndarray:
    """Count the edges within each cluster, and write them where there is a start.

    Args:
        graph: Where each node's edges start, their other ends and weights.
        cluster: Nodes of each, -1 where there are no more.
        ends: Place in ``cluster`` of both ends of each edge, and its weight.
        start: Where the edges of each cluster start; empty to count them.
    """
    ptr, other, weight = graph
    place = np.full(ptr.size - 1, -1, np.int64)
    count = np.zeros(len(cluster), np.int64)
    for q in range(len(cluster)):
        for j in range(cluster.shape[1]):
            if cluster[q, j] >= 0:
                place[cluster[q, j]] = q * cluster.shape[1] + j
        for j in range(cluster.shape[1]):
            v = cluster[q, j]
            if v < 0:
                continue
            for e in range(ptr[v], ptr[v + 1]):
                if place[other[e]] >= 0:
                    if start.size:
                        at = start[q] + count[q]
                        ends[0, at] = q * cluster.shape[1] + j
                        ends[1, at] = place[other[e]]
                        ends[2, at] = weight[e]
                    count[q] += 1
        for j in range(cluster.shape[1]):
            if cluster[q, j] >= 0:
                place[cluster[q, j]] = -1
    return count
