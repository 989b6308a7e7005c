"""The nodes that a proximity ranks nearest, as a receptive field."""

from dataclasses import dataclass

import numpy as np

from tidegraph.ego.field import Field
from tidegraph.ego.walk import with_weights
from tidegraph.errors import ConfigError, LeakageError, RequestError
from tidegraph.graph.asked import Asked
from tidegraph.graph.homogeneous import Homogeneous
from tidegraph.graph.nearness import Proximity, nearest, pagerank
from tidegraph.graph.snapshot import Snapshot


@dataclass(frozen=True)
class Near:
    """A plan that takes the nodes nearest to a node, as of its clock.

    The edges before a clock are joined anew for each different clock of a batch, so ask
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
        ends = [end for edge in self.edges for end in graph.ends(edge)]
        for name in (self.type, self.of):
            if name not in ends:
                raise ConfigError(
                    f"no node {name!r} is at an end of {', '.join(self.edges)}."
                )
        return self.type

    def draw(self, graph: Snapshot, asked: Asked) -> Field:
        """Return a field of depth 1, nearest first; weights are scores.

        Raises:
            LeakageError: An edge has times, and there is no clock.
            RequestError: A node is not in the graph.
        """
        self.start(graph)
        size = len(graph.typed(self.type))
        if len(asked.node) and not 0 <= asked.node.min() <= asked.node.max() < size:
            raise RequestError(f"near() needs a node: rows go from 0 to {size - 1}.")
        timed = [edge for edge in self.edges if graph[edge].is_timed]
        if timed and not self.ever and asked.clock is None:
            raise LeakageError(
                f"near({timed[0]!r}) needs a clock: the edge has times. Pass one, or "
                "say all_time=True to take every edge."
            )
        shape = (len(asked.node), self.count)
        node, score = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
        if asked.clock is None or self.ever or not timed:
            moments = np.zeros(len(asked.node), np.int64)
        else:
            moments = asked.clock
        for moment in np.unique(moments):
            then = graph if moments is not asked.clock else graph.until(int(moment))
            mine = np.flatnonzero(moments == moment)
            whole = Homogeneous.of(then, self.edges)
            first = whole.first[self.of]
            node[mine], score[mine] = nearest(
                whole,
                self.by,
                whole.rows(self.type, asked.node[mine]),
                range(first, first + len(graph.typed(self.of))),
                self.count,
            )
        return with_weights(asked, node, score)

    def __str__(self) -> str:
        edges = ", ".join(repr(edge) for edge in self.edges)
        text = f"near({edges}, type={self.type!r}, count={self.count}, by={self.by!r}"
        return f"{text}, of={self.of!r}, all_time={self.ever})"


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
