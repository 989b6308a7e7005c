"""No neighbours: a vector of one's own, as matrix factorisation has."""

from dataclasses import dataclass

from jaxtyping import Float, Int

from tidegraph.extras import needed
from tidegraph.nn.conv.start import Start
from tidegraph.nn.graph_inputs import GraphInputs

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class Identity:
    """Every node is its own receptive field.

    Attributes:
        start: What vectors are before training; drawn if left out.
    """

    start: Start | None = None

    def of_graph(self, graph: GraphInputs, size: int) -> "Table":
        """Return the table, with weights yet to be drawn."""
        return Table(graph, size)


class Table(nn.Module):
    """A vector per node."""

    def __init__(self, graph: GraphInputs, size: int) -> None:
        super().__init__()
        self.own = nn.Embedding(graph.nodes, size)

    def forward(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the vectors of some nodes."""
        return self.own(nodes)

    def learnt(
        self, sources: Int[Tensor, " b"], others: Int[Tensor, " n"]
    ) -> Float[Tensor, "m d"]:
        """Return what a batch learns of its nodes alone, which a penalty keeps small.

        Args:
            sources: The source of each pair.
            others: Its targets and negatives.
        """
        return self.own(torch.cat([sources, others]))
