"""Two vectors of one's own: one to find others with, one to be found by."""

from dataclasses import dataclass

from jaxtyping import Float, Int

from tidegraph.extras import needed
from tidegraph.nn.conv.identity import Table
from tidegraph.nn.graph_inputs import GraphInputs

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class TwoTables:
    """A vector per node as a source, and another as a target (its context)."""

    def of_graph(self, graph: GraphInputs, size: int) -> "SourceTarget":
        """Return the tables, with weights yet to be drawn."""
        return SourceTarget(graph, size)


class ContextVectors(nn.Module):
    """Nodes that are found by another vector, their context, than they find with.

    Attributes:
        own: What a node finds others with.
        other: Its context, as a target.
    """

    own: nn.Embedding
    other: nn.Embedding

    def context(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the vectors of some nodes as targets."""
        return self.other(nodes)

    def learnt(
        self, sources: Int[Tensor, " b"], others: Int[Tensor, " n"]
    ) -> Float[Tensor, "m d"]:
        """Return what a batch learns of its nodes alone, which a penalty keeps small.

        Args:
            sources: The source of each pair, which is found by its own vector.
            others: Its targets and negatives, which are found by their others.
        """
        return torch.cat([self.own(sources), self.other(others)])


class SourceTarget(ContextVectors, Table):
    """A table of sources and one of targets."""

    def __init__(self, graph: GraphInputs, size: int) -> None:
        super().__init__(graph, size)
        self.other = nn.Embedding(graph.nodes, size)
