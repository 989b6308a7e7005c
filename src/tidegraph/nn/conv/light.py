"""LightGCN: vectors walk along normalised edges, and nothing else is learnt."""

from jaxtyping import Float, Int

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.conv.identity import Table
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


@settings
class LightPropagation:
    """The mean of a node's vectors after 0 to ``layers`` steps over all edges.

    Attributes:
        layers: How far the receptive field reaches.
    """

    layers: int = 3

    def __post_init__(self) -> None:
        at_least("LightGCN", 1, layers=self.layers)

    def build(self, graph: GraphInputs, size: int) -> Table:
        """Return the network, with weights yet to be drawn."""
        return LightNetwork(graph, size, self.layers)


class LightNetwork(Table):
    """Propagation over the symmetrically normalised adjacency matrix.

    Source:
        He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for
        Recommendation", SIGIR 2020, equations 3, 4 and 8 with equal weights.
    """

    def __init__(self, graph: GraphInputs, size: int, layers: int) -> None:
        super().__init__(graph, size)
        self.layers = layers
        degree = torch.bincount(graph.row, minlength=graph.nodes).clamp(min=1).float()
        share = (degree[graph.row] * degree[graph.column]).rsqrt()
        place, shape = torch.stack([graph.row, graph.column]), (graph.nodes,) * 2
        # Not a buffer: it is no weight, and is made again from the graph.
        self.step = torch.sparse_coo_tensor(  # pyright: ignore[reportUnknownMemberType]
            place, share, shape, check_invariants=True
        ).coalesce()

    def forward(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the vectors of some nodes."""
        vector = self.own.weight
        total, step = vector, self.step.to(vector.device)
        for _ in range(self.layers):
            vector = step @ vector
            total = total + vector
        return total[nodes] / (self.layers + 1)
