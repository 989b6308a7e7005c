"""NGCF: messages that know how alike their two ends are."""

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.conv.first_vectors import FirstVectors
from tidegraph.nn.conv.stack import Stack, layers_side_by_side
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.nn.links import Links
from tidegraph.nn.sums import sum_over_edges
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn
    from torch.nn import functional

SLOPE = 0.2


@settings
class NGCFPropagation:
    """The vectors of all layers side by side, each aware of what both ends share.

    Attributes:
        layers: How far the receptive field reaches.
    """

    layers: int = 3

    def __post_init__(self) -> None:
        at_least("NGCF", 1, layers=self.layers)

    def of_graph(self, graph: GraphInputs, size: int) -> Stack:
        """Return the network, with weights yet to be drawn."""
        layers = [NGCFConv(size, size) for _ in range(self.layers)]
        return Stack(graph, FirstVectors(graph, size), layers, layers_side_by_side)


class NGCFConv(nn.Module):
    """One embedding propagation layer.

    ``out_i = LeakyReLU(W1 (x_i + m_i) + W2 (m_i * x_i))`` with ``m_i = sum_j a_ij x_j``
    over the neighbours j of i, a as in ``LightGCNConv`` and * number by number.

    Source:
        Wang et al., "Neural Graph Collaborative Filtering", SIGIR 2019, equations 7
        and 8.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.own = nn.Linear(inputs, outputs, bias=False)
        self.alike = nn.Linear(inputs, outputs, bias=False)

    def forward(
        self,
        source: Float[Tensor, "sources inputs"],
        target: Float[Tensor, "targets inputs"],
        links: Links,
    ) -> Float[Tensor, "targets outputs"]:
        """Return the new vectors of the targets."""
        message = sum_over_edges(links.symmetric, source)
        both = self.own(target + message) + self.alike(message * target)
        return functional.leaky_relu(both, SLOPE)
