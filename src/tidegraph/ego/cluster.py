"""The local cluster of a node as its receptive field (LCGNN)."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32

from tidegraph.arguments import checked
from tidegraph.ego.at_clock import check_ends, graphs_by_clock
from tidegraph.ego.seeding import sampled_by_rows
from tidegraph.errors import ConfigError
from tidegraph.graph.proximity.local_cluster import local_clusters
from tidegraph.graph.proximity.pagerank_push import Push
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.ragged import places


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

    The edges before a clock are linked anew for each different clock of a batch, so ask
    about many nodes at few moments.

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

    def __post_init__(self) -> None:
        if not self.edges or self.size < 1:
            raise ConfigError(
                f"a cluster needs an edge, and a size ({self.size}) of at least 1."
            )

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node in the middle."""
        check_ends(graph, self.edges, self.type)
        return self.type

    @sampled_by_rows
    def sample(self, graph: Snapshot, seeds: Seeds) -> Cluster:
        """Return the cluster of each seed.

        Raises:
            LeakageError: An edge has times, and there is no clock.
            RequestError: A node is not in the graph.
        """
        self.start(graph)
        nodes = sum(len(of_type) for of_type in graph.nodes.values())
        shape = (len(seeds.node), places(self.size, nodes))
        out = Cluster(
            np.full(shape, -1, np.int32),
            np.zeros(shape, np.int32),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.bool_),
        )
        batch = graphs_by_clock(graph, self.edges, self.type, seeds, ever=self.ever)
        for mine, whole in batch:
            middle = whole.rows(self.type, seeds.node[mine])
            found = local_clusters(whole, middle, size=shape[1], settings=self.settings)
            there = found.node >= 0
            kind = whole.kinds(found.node.ravel()).reshape(there.shape)
            first = np.array(list(whole.first.values()))
            out.ids[mine] = np.where(there, found.node - first[kind], -1)
            out.kind[mine] = np.where(there, kind, 0)
            out.weight[mine] = found.score
            out.mask[mine] = there
        return out

    def __str__(self) -> str:
        edges = ", ".join(repr(edge) for edge in self.edges)
        text = f"local_cluster({edges}, type={self.type!r}, size={self.size}, "
        text += f"restart={self.settings.restart}, epsilon={self.settings.epsilon}, "
        return f"{text}all_time={self.ever})"


@checked(ConfigError)
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
