"""NGCF: messages along the graph as it was, aware of what both ends share."""

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
class NGCF:
    """Neural graph collaborative filtering, extended to the time of the request.

    Attributes:
        embedding_size: Width of the vector of a field.
        layers: How many hops messages come from.
        history: How many of the latest events of each node are read.

    Source:
        Wang et al., "Neural Graph Collaborative Filtering", SIGIR 2019, equations 7 to
        10. Departs: neighbourhoods are those of before the request, and of a neighbour
        those of before its event; messages are divided by the number of the receiver's
        neighbours alone; the line over the shared inputs is added to the product.
    """

    name: ClassVar[str] = "NGCF"
    history_numbers: ClassVar[tuple[str, ...]] = ()

    embedding_size: int = 16
    layers: int = 2
    history: int = 10

    def __post_init__(self) -> None:
        check_widths("NGCF", **vars(self))

    def reads(self) -> Reads:
        """Return the plans of both sides: the latest events, hop by hop."""
        return Reads.latest(self.layers, self.layers, self.history)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return NGCFNetwork(spec, self)


class NGCFNetwork(nn.Module):
    """The product of all layers of user and candidate, side by side."""

    def __init__(self, spec: InputSpec, config: NGCF) -> None:
        super().__init__()
        size, layers = config.embedding_size, range(config.layers)
        self.width = size
        self.user = UserVectors(spec.user, size)
        self.item = FieldVectors(spec.item, size)
        self.pass_on = nn.ModuleList(
            [nn.Linear(size, size, bias=False) for _ in layers]
        )
        self.share = nn.ModuleList([nn.Linear(size, size, bias=False) for _ in layers])

    def forward(self, inputs: Inputs, around: Around) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        user = torch.cat(propagate(self, "user", around.user), dim=1)
        item = torch.cat(propagate(self, "item", around.item), dim=1)
        return (user[:, None] * item[around.seat]).sum(dim=2)

    def own(self, side: Side, rows: Int[Tensor, "n f"]) -> Float[Tensor, "n size"]:
        """Return what nodes are at layer 0, from the table rows of their fields."""
        return (self.user if side == "user" else self.item).total(rows)

    def next_layer(self, number: int, level: Level) -> Float[Tensor, "n size"]:
        """Return what states are at the layer after ``number``, counted from 0."""
        pass_on, share = self.pass_on[number], self.share[number]
        x, around = level.x, mean_of_neighbors(level)
        return nn.functional.leaky_relu(pass_on(x + around) + share(around * x), 0.2)
