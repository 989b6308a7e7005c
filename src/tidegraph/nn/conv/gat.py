"""GAT: each neighbour counts for as much as attention gives it."""

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
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
    from torch.nn import functional

SLOPE = 0.2


@settings
class GAT:
    """Attention layers, with an ELU between them.

    Attributes:
        layers: How far the receptive field reaches.
        heads: Attentions in a layer; a vector has so many equal parts.
    """

    layers: int = 2
    heads: int = 4

    def __post_init__(self) -> None:
        at_least("GAT", 1, layers=self.layers, heads=self.heads)

    def of_graph(self, graph: GraphInputs, size: int) -> Stack:
        """Return the network, with weights yet to be drawn.

        Raises:
            ConfigError: The heads do not share out the numbers of a vector.
        """
        if size % self.heads:
            raise ConfigError(
                f"{self.heads} heads cannot share out {size} numbers. Let size be a "
                "multiple of heads."
            )
        layers = [GATConv(size, size, self.heads) for _ in range(self.layers)]
        return Stack(
            graph, FirstVectors(graph, size), layers, last_layer, functional.elu
        )


class GATConv(nn.Module):
    """One attention layer, without its activation; the heads lie side by side.

    ``out_i = sum_j a_ij W x_j + b`` over the neighbours j of i and i itself, where a_ij
    is the softmax over j of ``LeakyReLU(p . W x_i + q . W x_j)``, for each head. What
    the edges are worth plays no part.

    Args:
        inputs: Numbers in a vector that comes in.
        outputs: Numbers in one that goes out; a multiple of ``heads``.
        heads: How many attentions there are.

    Source:
        Veličković et al., "Graph Attention Networks", ICLR 2018, equations 3 and 5.
        Departs: of the last layer, too, the heads lie side by side, not their mean
        (equation 6); nothing is dropped.
    """

    def __init__(self, inputs: int, outputs: int, heads: int) -> None:
        super().__init__()
        self.heads, self.width = heads, outputs // heads
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.from_source = nn.Parameter(torch.zeros(heads, self.width))
        self.from_target = nn.Parameter(torch.zeros(heads, self.width))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(
        self,
        source: Float[Tensor, "sources inputs"],
        target: Float[Tensor, "targets inputs"],
        links: Links,
    ) -> Float[Tensor, "targets outputs"]:
        """Return the new vectors of the targets."""
        shape = -1, self.heads, self.width
        sent = self.linear(source).view(shape)  # (sources, heads, width)
        own = self.linear(target).view(shape)
        calls = (sent * self.from_source).sum(dim=2)  # (sources, heads)
        asks = (own * self.from_target).sum(dim=2)
        share, loop = _attention(
            functional.leaky_relu(calls[links.column] + asks[links.row], SLOPE),
            functional.leaky_relu(asks + (own * self.from_source).sum(dim=2), SLOPE),
            links,
        )
        heads = [
            sum_over_edges(links, sent[:, h].contiguous(), share[:, h].contiguous())
            for h in range(self.heads)
        ]
        mixed = torch.stack(heads, dim=1) + loop[:, :, None] * own
        return mixed.flatten(start_dim=1) + self.bias


def _attention(
    edge: Float[Tensor, "edges heads"],
    loop: Float[Tensor, "targets heads"],
    links: Links,
) -> tuple[Float[Tensor, "edges heads"], Float[Tensor, "targets heads"]]:
    """Return the softmax over the edges of each target and its loop."""
    place = links.row[:, None].expand_as(edge)
    most = loop.detach().scatter_reduce(0, place, edge.detach(), "amax")
    edge, loop = (edge - most[links.row]).exp(), (loop - most).exp()
    total = loop.index_add(0, links.row, edge)
    return edge / total[links.row], loop / total
