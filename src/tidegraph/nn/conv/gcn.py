"""GCN: the sum over neighbours and oneself, over the roots of both degrees."""

from typing import ClassVar

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
class GCN:
    """Graph convolutions, with a ReLU between them.

    Attributes:
        layers: How far the receptive field reaches.
        ids: Does each node have a vector of its own, beside its features?
        features: Columns of item features, numbers and categories. With some, an item
            without an edge has a vector too.
    """

    categorical: ClassVar[bool] = False

    layers: int = 2
    ids: bool = True
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        at_least("GCN", 1, layers=self.layers)

    def of_graph(self, graph: GraphInputs, size: int) -> Stack:
        """Return the network, with weights yet to be drawn."""
        layers = [GCNConv(size, size) for _ in range(self.layers)]
        first = FirstVectors(graph, size, ids=self.ids)
        return Stack(graph, first, layers, last_layer, torch.relu)


class GCNConv(nn.Module):
    """One graph convolution, without its activation.

    ``out_i = W sum_j a_ij x_j + b`` over the neighbours j of i and i itself, where a_ij
    is the strength of the edge over sqrt((s_i + 1) (s_j + 1)), and s is the strength of
    all edges of a node.

    Source:
        Kipf & Welling, "Semi-Supervised Classification with Graph Convolutional
        Networks", ICLR 2017, equation 2.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(
        self,
        source: Float[Tensor, "sources inputs"],
        target: Float[Tensor, "targets inputs"],
        links: Links,
    ) -> Float[Tensor, "targets outputs"]:
        """Return the new vectors of the targets."""
        return self.linear(sum_normalised(source, target, links)) + self.bias


def sum_normalised(
    source: Float[Tensor, "sources d"], target: Float[Tensor, "targets d"], links: Links
) -> Float[Tensor, "targets d"]:
    """Return the normalised sum over the neighbours of a target and itself."""
    looped, loop = links.looped
    return sum_over_edges(looped, source) + loop[:, None] * target
