"""LightGCN: vectors of users and items, averaged along the graph as it was."""

from typing import ClassVar

from jaxtyping import Float, Int

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.around import Around, Reads
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.propagation import Level, Side, mean_of_neighbors, propagate
from tidegraph.nn.vectors import FieldVectors, UserVectors

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class LightGCN:
    """Light graph convolution, extended to the time of the request.

    Attributes:
        embedding_size: Width of the vector of a field.
        layers: How many hops are averaged over.
        history: How many of the latest events of each node are read.

    Source:
        He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for
        Recommendation", SIGIR 2020. Departs: neighbourhoods are those of before the
        request, and of a neighbour those of before its event; a node is divided by the
        number of its own neighbours alone, as in the paper's comparison of norms; the
        line over the shared inputs is added to the product.
    """

    name: ClassVar[str] = "LightGCN"
    history_numbers: ClassVar[tuple[str, ...]] = ()

    embedding_size: int = 16
    layers: int = 2
    history: int = 10

    def __post_init__(self) -> None:
        check_widths("LightGCN", **vars(self))

    def reads(self) -> Reads:
        """Return the plans of both sides: the latest events, hop by hop."""
        return Reads.latest(self.layers, self.layers, self.history)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return LightGCNNetwork(spec, self.embedding_size)


class LightGCNNetwork(nn.Module):
    """The product of the means over all layers of user and candidate."""

    def __init__(self, spec: InputSpec, size: int) -> None:
        super().__init__()
        self.width = size
        self.user = UserVectors(spec.user, size)
        self.item = FieldVectors(spec.item, size)

    def forward(self, inputs: Inputs, around: Around) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        user = torch.stack(propagate(self, "user", around.user)).mean(dim=0)
        item = torch.stack(propagate(self, "item", around.item)).mean(dim=0)
        return (user[:, None] * item[around.seat]).sum(dim=2)

    def own(self, side: Side, rows: Int[Tensor, "n f"]) -> Float[Tensor, "n size"]:
        """Return what nodes are at layer 0, from the table rows of their fields."""
        return (self.user if side == "user" else self.item).total(rows)

    def next_layer(self, number: int, level: Level) -> Float[Tensor, "n size"]:
        """Return what states are at the next layer: the mean of their neighbours."""
        return mean_of_neighbors(level)
