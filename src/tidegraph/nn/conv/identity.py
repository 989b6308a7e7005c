"""No neighbours: a vector of one's own, as matrix factorisation has, or two."""

from typing import ClassVar

from jaxtyping import Float, Int

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.conv.start import Start
from tidegraph.nn.conv.vectors import NodeVectors
from tidegraph.nn.graph_inputs import GraphInputs

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class Identity:
    """Every node is its own receptive field.

    Attributes:
        start: What vectors are before training; drawn if left out.
    """

    start: Start | None = None

    def of_graph(self, graph: GraphInputs, size: int) -> "Table":
        """Return the table, with weights yet to be drawn."""
        return Table(graph, size, self.start)


@settings
class TwoTables:
    """A vector per node as a source, and another as a target (its context)."""

    tables: ClassVar[int] = 2

    def of_graph(self, graph: GraphInputs, size: int) -> "SourceTarget":
        """Return the tables, with weights yet to be drawn."""
        return SourceTarget(graph, size)


class Table(NodeVectors):
    """A vector per node."""

    def __init__(
        self, graph: GraphInputs, size: int, start: Start | None = None
    ) -> None:
        super().__init__()
        self.own, self.start = nn.Embedding(graph.nodes, size), start

    @property
    def table(self) -> nn.Embedding:
        """The vectors, which are nodes' own."""
        return self.own

    def forward(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the vectors of some nodes."""
        return self.own(nodes)


class ContextVectors(NodeVectors):
    """Nodes that are found by another vector, their context, than they find with.

    Attributes:
        own: What a node finds others with.
        other: Its context, as a target.
    """

    own: nn.Embedding
    other: nn.Embedding
    two_sided = True

    def context(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the vectors of some nodes as targets."""
        return self.other(nodes)

    def learnt(
        self, sources: Int[Tensor, " b"], others: Int[Tensor, " n"]
    ) -> Float[Tensor, "m d"]:
        """Return the own vectors of sources, and those that targets are found by."""
        return torch.cat([self.own(sources), self.other(others)])


class SourceTarget(ContextVectors, Table):
    """A table of sources and one of targets."""

    sources_apart = True

    def __init__(self, graph: GraphInputs, size: int) -> None:
        super().__init__(graph, size)
        self.other = nn.Embedding(graph.nodes, size)
