"""LightGCN: vectors walk along normalised edges, and nothing else is learnt."""

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.conv.first_vectors import FirstVectors
from tidegraph.nn.conv.stack import Stack, mean_of_layers
from tidegraph.nn.conv.start import Start
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.nn.links import Links
from tidegraph.nn.sums import sum_over_edges
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class LightPropagation:
    """The mean of a node's vectors after 0 to ``layers`` steps over all edges.

    Attributes:
        layers: How far the receptive field reaches.
        start: What vectors are before training; drawn if left out.
    """

    layers: int = 3
    start: Start | None = None

    def __post_init__(self) -> None:
        at_least("LightGCN", 1, layers=self.layers)

    def of_graph(self, graph: GraphInputs, size: int) -> Stack:
        """Return the network, with weights yet to be drawn."""
        layers = [LightGCNConv() for _ in range(self.layers)]
        stack = Stack(graph, FirstVectors(graph, size), layers, mean_of_layers)
        stack.start = self.start
        return stack


class LightGCNConv(nn.Module):
    """One step of propagation.

    ``out_i = sum_j a_ij x_j`` over the neighbours j of i, where a_ij is the strength of
    the edge over sqrt(s_i s_j), and s is the strength of all edges of a node.

    Source:
        He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for
        Recommendation", SIGIR 2020, equation 3.
    """

    def forward(
        self,
        source: Float[Tensor, "sources d"],
        target: Float[Tensor, "targets d"],
        links: Links,
    ) -> Float[Tensor, "targets d"]:
        """Return the new vectors of the targets."""
        return sum_over_edges(links.symmetric, source)
