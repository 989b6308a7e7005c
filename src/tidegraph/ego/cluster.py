"""The local cluster of a node as its receptive field (LCGNN)."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32

from tidegraph.errors import ConfigError, LeakageError, RequestError
from tidegraph.graph.asked import Asked
from tidegraph.graph.homogeneous import Homogeneous
from tidegraph.graph.nibble import local_clusters
from tidegraph.graph.push import Push
from tidegraph.graph.snapshot import Snapshot


class Cluster(NamedTuple):
    """The cluster around each node of a batch, of several types of node.

    Attributes:
        ids: Rows of nodes within their type, the node itself first; -1 where none.
        kind: Number of each node's type, in the order in which the edges name them.
        weight: Personalised PageRank of each, 0 where there is none.
        mask: Is there a node?
    """

    ids: Int32[np.ndarray, "b size"]
    kind: Int32[np.ndarray, "b size"]
    weight: Float32[np.ndarray, "b size"]
    mask: Bool[np.ndarray, "b size"]


@dataclass(frozen=True)
class LocalCluster:
    """A plan that takes the part of the graph around a node that few edges leave.

    Clusters are cut at one moment: all clocks of a batch must be the same.

    Attributes:
        edges: Edge types that join the nodes, taken both ways.
        type: Type of the node in the middle.
        size: Most nodes in a cluster.
        settings: Of the PageRank.
        ever: Take any edge, whatever its time.
    """

    edges: tuple[str, ...]
    type: str
    size: int
    settings: Push = field(default_factory=Push)
    ever: bool = False

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node in the middle."""
        if all(self.type not in graph.ends(edge) for edge in self.edges):
            raise ConfigError(
                f"no node {self.type!r} is at an end of {', '.join(self.edges)}."
            )
        return self.type

    def draw(self, graph: Snapshot, asked: Asked) -> Cluster:
        """Return the cluster of each node asked about.

        Raises:
            LeakageError: An edge has times, and there is no clock.
            RequestError: Clocks differ, or a node is not in the graph.
        """
        self.start(graph)
        timed = [edge for edge in self.edges if graph[edge].is_timed]
        if timed and not self.ever:
            graph = self._as_of_then(graph, asked, timed[0])
        size = len(graph.typed(self.type))
        if len(asked.node) and not 0 <= asked.node.min() <= asked.node.max() < size:
            raise RequestError(f"a cluster needs a node: rows go from 0 to {size - 1}.")
        whole = Homogeneous.of(graph, self.edges)
        found = local_clusters(
            whole,
            whole.rows(self.type, asked.node),
            size=self.size,
            settings=self.settings,
        )
        there = found.node >= 0
        kind = whole.kinds(found.node.ravel()).reshape(there.shape)
        first = np.array(list(whole.first.values()))
        ids = np.where(there, found.node - first[kind], -1).astype(np.int32)
        kind = np.where(there, kind, 0).astype(np.int32)
        return Cluster(ids, kind, found.score.astype(np.float32), there)

    def _as_of_then(self, graph: Snapshot, asked: Asked, edge: str) -> Snapshot:
        if asked.clock is None:
            raise LeakageError(
                f"a cluster over {edge!r} needs a clock: the edge has times. Pass one, "
                "or say all_time=True to take every edge."
            )
        if len(asked.clock) and asked.clock.min() != asked.clock.max():
            raise RequestError(
                "clusters are cut at one moment, and the clocks of the batch differ. "
                "Pass the same clock for all, or say all_time=True."
            )
        return graph.until(int(asked.clock[0])) if len(asked.clock) else graph

    def __str__(self) -> str:
        edges = ", ".join(repr(edge) for edge in self.edges)
        text = f"local_cluster({edges}, type={self.type!r}, size={self.size}, "
        text += f"restart={self.settings.restart}, epsilon={self.settings.epsilon}, "
        return f"{text}all_time={self.ever})"


def local_cluster(
    *edges: str,
    type: str,
    size: int,
    restart: float = 0.15,
    epsilon: float = 1e-6,
    all_time: bool = False,
) -> LocalCluster:
    """Take the local cluster of a node, by PPR-Nibble.

    Args:
        edges: Edge types that join the nodes, taken both ways.
        type: Type of the node in the middle.
        size: Most nodes in a cluster.
        restart: Probability that a walk ends at each step.
        epsilon: How exact the PageRank is.
        all_time: Take any edge, whatever its time.
    """
    return LocalCluster(edges, type, size, Push(restart, epsilon), all_time)
