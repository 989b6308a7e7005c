"""PinSage: the neighbours that walks visit most, each as important as they say."""

from collections.abc import Sequence
from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.conv.first_vectors import FirstVectors
from tidegraph.nn.conv.stack import Stack
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.nn.links import Links
from tidegraph.nn.sums import sum_over_edges
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn
    from torch.nn import functional


@settings
class PinSage:
    """Convolutions by importance pooling, and a network over the last of them.

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
        at_least("PinSage", 1, layers=self.layers)

    def of_graph(self, graph: GraphInputs, size: int) -> Stack:
        """Return the network, with weights yet to be drawn."""
        layers = [PinSageConv(size, size) for _ in range(self.layers)]
        return Stack(
            graph, FirstVectors(graph, size, ids=self.ids), layers, _Headed(size)
        )


class PinSageConv(nn.Module):
    """One convolution by importance pooling.

    ``out_i = z / |z|`` with ``z = ReLU(W [x_i; n_i] + w)``, where n_i is the mean of
    ``ReLU(Q x_j + q)`` over the neighbours j of i, by the strengths of the edges: the
    shares of the visits of random walks from i.

    Source:
        Ying et al., "Graph Convolutional Neural Networks for Web-Scale Recommender
        Systems", KDD 2018, algorithm 1 with importance pooling.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.message = nn.Linear(inputs, outputs)
        self.both = nn.Linear(inputs + outputs, outputs)

    def forward(
        self,
        source: Float[Tensor, "sources inputs"],
        target: Float[Tensor, "targets inputs"],
        links: Links,
    ) -> Float[Tensor, "targets outputs"]:
        """Return the new vectors of the targets, of length 1 unless they are 0."""
        pooled = sum_over_edges(links.mean, self.message(source).relu())
        mixed = self.both(torch.cat([target, pooled], dim=1)).relu()
        return functional.normalize(mixed, dim=1)


class _Headed(nn.Module):
    """A network over the last layer.

    Source:
        Ying et al. (2018), algorithm 2, line 18.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, size)
        self.out = nn.Linear(size, size, bias=False)

    def forward(self, seen: Sequence[Tensor]) -> Tensor:
        return self.out(self.hidden(seen[-1]).relu())
