"""Dynamic sequential graphs: hops back in time, each at its own clock (19.2.1)."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from tidegraph.errors import RequestError
from tidegraph.graph.recent import Recent
from tidegraph.graph.sampled import Sampled, Sampler
from tidegraph.graph.temporal import Graph


class Level(NamedTuple):
    """The nodes at one depth of the receptive fields of a batch.

    Depth 0 are the nodes asked about, of shape (b,); a hop of width k adds an axis of
    that size at the end. What the mask leaves out has node -1 and everything else 0.

    Attributes:
        node: Rows of nodes.
        time: Clock of each: that of the request, then that of the event that led there.
        gap: Seconds from that event to its parent's clock, at least 1; 0 at the root.
        weight: Strength of that event; 1 at the root.
        mask: Is there a node?
    """

    node: Int32[np.ndarray, "*fan"]
    time: Int64[np.ndarray, "*fan"]
    gap: Int64[np.ndarray, "*fan"]
    weight: Float32[np.ndarray, "*fan"]
    mask: Bool[np.ndarray, "*fan"]


@dataclass(frozen=True)
class Step:
    """One hop of a plan.

    Attributes:
        edge: Edge type; a leading ``~`` goes against it.
        sampler: Which of the neighbours are taken.
    """

    edge: str
    sampler: Sampler


@dataclass(frozen=True)
class Plan:
    """Hops to take from any node at any clock: plain data, hashable and printable.

    A child's clock is the time of the event that led to it, so that its own neighbours
    are those it had strictly before that event (the sub-graphs of section 19.2.1).

    Attributes:
        steps: The hops, nearest first.
    """

    steps: tuple[Step, ...]

    def hop(self, edge: str) -> "Hop":
        """Go on from the nodes reached, along ``edge``."""
        return Hop(self.steps, edge)

    def flip(self) -> "Plan":
        """Return the plan for the other end of an edge, every hop the other way."""
        return Plan(tuple(Step(_reverse(s.edge), s.sampler) for s in self.steps))

    def sample(
        self,
        graph: Graph,
        nodes: Int32[np.ndarray, " b"],
        clocks: Int64[np.ndarray, " clocks"],
    ) -> tuple[Level, ...]:
        """Return the receptive field of each node as of its clock, a level per depth.

        Args:
            graph: Where to look.
            nodes: Rows of nodes of the type that the first edge starts from; a row
                outside the graph has no neighbours.
            clocks: Unix seconds; only strictly earlier events are seen.

        Raises:
            RequestError: Nodes and clocks differ in number.
            DataError: The graph has no such edge.
        """
        if len(nodes) != len(clocks):
            raise RequestError(
                f"{len(nodes)} nodes but {len(clocks)} clocks. Pass a clock per node."
            )
        ones = np.ones(len(nodes), np.float32)
        levels = [Level(nodes, clocks, np.zeros_like(clocks), ones, nodes >= 0)]
        for step in self.steps:
            parent = levels[-1]
            found = step.sampler(
                graph[step.edge], parent.node.ravel(), parent.time.ravel()
            )
            levels.append(_below(parent, found))
        return tuple(levels)

    def __str__(self) -> str:
        return ".".join(f"hop({step.edge!r}).{step.sampler!r}" for step in self.steps)


@dataclass(frozen=True)
class Hop:
    """A plan that still needs to be told which neighbours its last hop takes.

    Attributes:
        before: The hops until here.
        edge: Edge type of the hop.
    """

    before: tuple[Step, ...]
    edge: str

    def recent(self, count: int) -> Plan:
        """Take the latest ``count`` events before the clock."""
        return self.using(Recent(count))

    def using(self, sampler: Sampler) -> Plan:
        """Take what a sampler draws, ours or yours."""
        return Plan((*self.before, Step(self.edge, sampler)))


def hop(edge: str) -> Hop:
    """Begin a plan at a node, along an edge type or, with ``~``, against it."""
    return Hop((), edge)


def _below(parent: Level, found: Sampled) -> Level:
    shape = (*parent.node.shape, found.node.shape[1])
    gap = np.where(found.mask, parent.time.reshape(-1, 1) - found.time, 0)
    return Level(
        found.node.reshape(shape),
        found.time.reshape(shape),
        gap.reshape(shape),
        found.weight.reshape(shape),
        found.mask.reshape(shape),
    )


def _reverse(edge: str) -> str:
    return edge[1:] if edge.startswith("~") else f"~{edge}"
