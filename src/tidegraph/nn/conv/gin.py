"""GIN: a network over sums, which tells apart what other operators mix up."""

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.conv.first_vectors import FirstVectors
from tidegraph.nn.conv.stack import Stack, last_layer
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.nn.links import Links
from tidegraph.nn.sums import sum_over_edges
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class GIN:
    """Isomorphism layers, with a ReLU between them.

    Attributes:
        layers: How far the receptive field reaches.
    """

    layers: int = 2

    def __post_init__(self) -> None:
        at_least("GIN", 1, layers=self.layers)

    def of_graph(self, graph: GraphInputs, size: int) -> Stack:
        """Return the network, with weights yet to be drawn."""
        layers = [GINConv(size, size) for _ in range(self.layers)]
        return Stack(graph, FirstVectors(graph, size), layers, last_layer, torch.relu)


class GINConv(nn.Module):
    """One isomorphism layer.

    ``out_i = MLP((1 + eps) x_i + sum_j w_ij x_j)`` over the neighbours j of i, with the
    strength w of the edge and an eps that is learnt. The network has one hidden layer.

    Source:
        Xu et al., "How Powerful are Graph Neural Networks?", ICLR 2019, equation 4.1.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.eps = nn.Parameter(torch.zeros(()))
        self.mlp = nn.Sequential(
            nn.Linear(inputs, outputs), nn.ReLU(), nn.Linear(outputs, outputs)
        )

    def forward(
        self,
        source: Float[Tensor, "sources inputs"],
        target: Float[Tensor, "targets inputs"],
        links: Links,
    ) -> Float[Tensor, "targets outputs"]:
        """Return the new vectors of the targets."""
        return self.mlp((1 + self.eps) * target + sum_over_edges(links, source))
