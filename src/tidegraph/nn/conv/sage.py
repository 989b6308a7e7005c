"""GraphSAGE: oneself and what an aggregator makes of the neighbours."""

from collections.abc import Callable

from jaxtyping import Float, Int64

from tidegraph.extras import needed
from tidegraph.nn.links import Links
from tidegraph.nn.sums import largest, summed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn
    from torch.nn.utils.rnn import PackedSequence

Aggregator = Callable[[int], nn.Module]
"""Makes a module of vectors of so many numbers; it takes (source, links)."""


class SAGEConv(nn.Module):
    """One layer, without its activation.

    ``out_i = W x_i + V aggregate(x_j) + b`` over the neighbours j of i.

    Args:
        inputs: Numbers in a vector that comes in.
        outputs: Numbers in one that goes out.
        aggregator: ``Mean``, ``MaxPool``, ``LSTM`` or one of your own.

    Source:
        Hamilton, Ying & Leskovec, "Inductive Representation Learning on Large Graphs",
        NeurIPS 2017, algorithm 1; the concatenation times a matrix is a sum of two.
    """

    def __init__(self, inputs: int, outputs: int, aggregator: Aggregator) -> None:
        super().__init__()
        self.aggregate = aggregator(inputs)
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


class Mean(nn.Module):
    """The mean of the neighbours, by the strengths of the edges; 0 of none."""

    def __init__(self, size: int) -> None:
        super().__init__()

    def forward(
        self, source: Float[Tensor, "sources d"], links: Links
    ) -> Float[Tensor, "targets d"]:
        """Return a vector for each target."""
        return summed(links.mean, source)


class MaxPool(nn.Module):
    """The largest of ``ReLU(P x_j + p)`` over the neighbours; 0 of none.

    Source:
        Hamilton, Ying & Leskovec (2017), equation 3.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.pool = nn.Linear(size, size)

    def forward(
        self, source: Float[Tensor, "sources d"], links: Links
    ) -> Float[Tensor, "targets d"]:
        """Return a vector for each target."""
        return largest(links, self.pool(source).relu())


class LSTM(nn.Module):
    """The last state of an LSTM over the neighbours, as the edges lie; 0 of none.

    Departs: the order is that of the edges, oldest first where they have times, not a
    random one, so that a vector is the same at each look.

    Source:
        Hamilton, Ying & Leskovec (2017), section 3.3.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(size, size)

    def forward(
        self, source: Float[Tensor, "sources d"], links: Links
    ) -> Float[Tensor, "targets d"]:
        """Return a vector for each target."""
        out = source.new_zeros(links.targets, source.shape[1])
        order, sizes, edge = _in_step(links)
        if not len(order):
            return out
        packed = PackedSequence(source[links.column[edge]], sizes)
        last = self.lstm(packed)[1][0][0]  # (targets with a neighbour, d)
        return out.index_copy(0, order, last)


def _in_step(
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
