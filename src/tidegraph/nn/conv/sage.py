"""GraphSAGE: oneself and what an aggregator makes of the neighbours."""

from dataclasses import field
from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float, Int64

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.conv.first_vectors import FirstVectors
from tidegraph.nn.conv.stack import Stack, last_layer
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.nn.links import Links
from tidegraph.nn.sums import largest_over_edges, sum_over_edges
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn
    from torch.nn.utils.rnn import PackedSequence

__all__ = [
    "Aggregator",
    "GraphSAGE",
    "LSTMAggregator",
    "MaxPoolAggregator",
    "MeanAggregator",
]


@runtime_checkable
class Aggregator(Protocol):
    """Settings of an aggregator; one of your own needs no more than this.

    Such as ``tg.encoders.MeanAggregator()``.
    """

    def of_width(self, size: int) -> nn.Module:
        """Return a module that makes vectors of targets of sources and links."""
        ...


@settings
class MeanAggregator:
    """The mean of the neighbours, by the strengths of the edges; 0 of none."""

    def of_width(self, size: int) -> nn.Module:
        """Return the module, which has no weights."""
        return _Mean()


@settings
class MaxPoolAggregator:
    """The largest of ``ReLU(P x_j + p)`` over the neighbours; 0 of none.

    Source:
        Hamilton, Ying & Leskovec (2017), equation 3.
    """

    def of_width(self, size: int) -> nn.Module:
        """Return the module, with weights yet to be drawn."""
        return _MaxPool(size)


@settings
class LSTMAggregator:
    """The last state of an LSTM over the neighbours, as the edges lie; 0 of none.

    Departs: the order is that of the edges, oldest first where they have times, not a
    random one, so that a vector is the same at each look.

    Source:
        Hamilton, Ying & Leskovec (2017), section 3.3.
    """

    def of_width(self, size: int) -> nn.Module:
        """Return the module, with weights yet to be drawn."""
        return _LSTM(size)


@settings
class GraphSAGE:
    """Oneself and an aggregate of the neighbours, with a ReLU between layers.

    Attributes:
        layers: How far the receptive field reaches.
        aggregator: What is made of the vectors of neighbours.
        ids: Does each node have a vector of its own, beside its features?
        features: Columns of item features, numbers and categories. With some, an item
            without an edge has a vector too.
    """

    categorical: ClassVar[bool] = False

    layers: int = 2
    aggregator: Aggregator = field(default_factory=MeanAggregator)
    ids: bool = True
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        at_least("GraphSAGE", 1, layers=self.layers)

    def of_graph(self, graph: GraphInputs, size: int) -> Stack:
        """Return the network, with weights yet to be drawn."""
        made = self.aggregator.of_width
        layers = [SAGEConv(size, size, made(size)) for _ in range(self.layers)]
        first = FirstVectors(graph, size, ids=self.ids)
        return Stack(graph, first, layers, last_layer, torch.relu)


class SAGEConv(nn.Module):
    """One layer, without its activation.

    ``out_i = W x_i + V aggregate(x_j) + b`` over the neighbours j of i.

    Args:
        inputs: Numbers in a vector that comes in.
        outputs: Numbers in one that goes out.
        aggregate: Takes the vectors of sources and the links.

    Source:
        Hamilton, Ying & Leskovec, "Inductive Representation Learning on Large Graphs",
        NeurIPS 2017, algorithm 1; the concatenation times a matrix is a sum of two.
        Departs: a vector is not made one of length 1 (line 7), and the activation (line
        5), which ``GraphSAGE`` has between layers, is not behind the last.
    """

    def __init__(self, inputs: int, outputs: int, aggregate: nn.Module) -> None:
        super().__init__()
        self.aggregate = aggregate
        self.own = nn.Linear(inputs, outputs, bias=False)
        self.neighbors = nn.Linear(inputs, outputs)

    def forward(
        self,
        source: Float[Tensor, "sources inputs"],
        target: Float[Tensor, "targets inputs"],
        links: Links,
    ) -> Float[Tensor, "targets outputs"]:
        """Return the new vectors of the targets."""
        return self.own(target) + self.neighbors(self.aggregate(source, links))


class _Mean(nn.Module):
    def forward(
        self, source: Float[Tensor, "sources d"], links: Links
    ) -> Float[Tensor, "targets d"]:
        return sum_over_edges(links.mean, source)


class _MaxPool(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.pool = nn.Linear(size, size)

    def forward(
        self, source: Float[Tensor, "sources d"], links: Links
    ) -> Float[Tensor, "targets d"]:
        return largest_over_edges(links, self.pool(source).relu())


class _LSTM(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(size, size)

    def forward(
        self, source: Float[Tensor, "sources d"], links: Links
    ) -> Float[Tensor, "targets d"]:
        out = source.new_zeros(links.targets, source.shape[1])
        order, sizes, edge = _edges_step_by_step(links)
        if not len(order):
            return out
        packed = PackedSequence(source[links.column[edge]], sizes)
        last_state = self.lstm(packed)[1][0][0]  # (targets with a neighbour, d)
        return out.index_copy(0, order, last_state)


def _edges_step_by_step(
    links: Links,
) -> tuple[Int64[Tensor, " some"], Int64[Tensor, " steps"], Int64[Tensor, " edges"]]:
    """Return the targets by falling number of edges, and the edges step by step.

    Returns:
        The targets that have an edge, how many of them have each step, and the edges:
        the first of every target, then the second of those that have one, and so on.
    """
    order = links.count.sort(descending=True, stable=True).indices
    order = order[links.count[order] > 0]
    rank = links.ptr.new_zeros(links.targets)
    rank[order] = torch.arange(len(order), device=rank.device)
    step = torch.arange(len(links.row), device=rank.device) - links.ptr[links.row]
    edge = (step * links.targets + rank[links.row]).argsort()
    return order, torch.bincount(step).cpu(), edge
