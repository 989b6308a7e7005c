"""The nodes that a proximity ranks nearest, as a receptive field."""

from dataclasses import dataclass

import numpy as np

from tidegraph.arguments import checked
from tidegraph.ego.at_clock import check_ends, graphs_by_clock
from tidegraph.ego.seeding import sampled_by_rows
from tidegraph.ego.tree import EgoTree
from tidegraph.ego.walks import weighted_tree
from tidegraph.errors import ConfigError
from tidegraph.graph.proximity.proximities import Proximity, nearest, pagerank
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.ragged import places


@dataclass(frozen=True)
class Near:
    """A plan that takes the nodes nearest to a node, as of its clock.

    The edges before a clock are linked anew for each different clock of a batch, so ask
    about many nodes at few moments.

    Attributes:
        edges: Edge types that join the nodes, taken both ways.
        type: Type of the node in the middle.
        of: Type of the nodes that are taken.
        count: How many.
        by: How near a node is.
        ever: Take any edge, whatever its time.
    """

    edges: tuple[str, ...]
    type: str
    of: str
    count: int
    by: Proximity
    ever: bool = False

    def __post_init__(self) -> None:
        if not self.edges or self.count < 1:
            raise ConfigError(
                f"near() needs an edge, and a count ({self.count}) of at least 1."
            )

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node in the middle."""
        check_ends(graph, self.edges, self.type, self.of)
        return self.type

    @sampled_by_rows
    def sample(self, graph: Snapshot, seeds: Seeds) -> EgoTree:
        """Return a field of depth 1, nearest first; weights are scores.

        Raises:
            LeakageError: An edge has times, and there is no clock.
            RequestError: A node is not in the graph.
        """
        self.start(graph)
        size = len(graph.typed(self.of))
        shape = (len(seeds.node), places(self.count, size))
        node, score = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
        batch = graphs_by_clock(graph, self.edges, self.type, seeds, ever=self.ever)
        for mine, whole in batch:
            first = whole.first[self.of]
            node[mine], score[mine] = nearest(
                whole,
                self.by,
                whole.rows(self.type, seeds.node[mine]),
                range(first, first + size),
                shape[1],
            )
        return weighted_tree(seeds, node, score)

    def __str__(self) -> str:
        edges = ", ".join(repr(edge) for edge in self.edges)
        text = f"near({edges}, type={self.type!r}, count={self.count}, by={self.by!r}"
        return f"{text}, of={self.of!r}, all_time={self.ever})"


@checked(ConfigError)
def near(
    *edges: str,
    type: str,
    count: int,
    by: Proximity | None = None,
    of: str | None = None,
    all_time: bool = False,
) -> Near:
    """Take the nodes that a proximity ranks nearest.

    Args:
        edges: Edge types that join the nodes, taken both ways.
        type: Type of the node in the middle.
        count: How many to take.
        by: How near a node is; personalised PageRank if left out.
        of: Type of the nodes to take; that of the node in the middle if left out.
        all_time: Take any edge, whatever its time.
    """
    whole = of if of is not None else type
    nearness = by if by is not None else pagerank()
    return Near(edges, type, whole, count, nearness, all_time)
