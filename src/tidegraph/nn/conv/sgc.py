"""SGC: graph convolutions with nothing in between."""

from collections.abc import Sequence

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.conv.first_vectors import FirstVectors
from tidegraph.nn.conv.gcn import sum_normalised
from tidegraph.nn.conv.stack import Stack
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.nn.links import Links
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class SGC:
    """Smoothed vectors, and one linear map of them.

    Attributes:
        layers: How far the receptive field reaches.
    """

    layers: int = 2

    def __post_init__(self) -> None:
        at_least("SGC", 1, layers=self.layers)

    def of_graph(self, graph: GraphInputs, size: int) -> Stack:
        """Return the network, with weights yet to be drawn."""
        layers = [SGConv() for _ in range(self.layers)]
        return Stack(graph, FirstVectors(graph, size), layers, _Mapped(size))


class SGConv(nn.Module):
    """One step of the smoothing of a GCN; a linear map follows the last of them.

    ``out_i = sum_j a_ij x_j`` over the neighbours j of i and i itself, a as in
    ``GCNConv``.

    Source:
        Wu et al., "Simplifying Graph Convolutional Networks", ICML 2019, equation 8.
    """

    def forward(
        self,
        source: Float[Tensor, "sources d"],
        target: Float[Tensor, "targets d"],
        links: Links,
    ) -> Float[Tensor, "targets d"]:
        """Return the smoothed vectors of the targets."""
        return sum_normalised(source, target, links)


class _Mapped(nn.Module):
    """A linear map of the last layer."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, size)

    def forward(self, seen: Sequence[Tensor]) -> Tensor:
        return self.linear(seen[-1])
