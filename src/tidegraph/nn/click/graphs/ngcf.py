"""NGCF: messages along the graph as it was, aware of what both ends share."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.around import Around, Reads
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.propagation import mean_of_neighbors, propagate
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
        self.user = UserVectors(spec.user, size)
        self.item = FieldVectors(spec.item, size)
        self.pass_on = nn.ModuleList(
            [nn.Linear(size, size, bias=False) for _ in layers]
        )
        self.share = nn.ModuleList([nn.Linear(size, size, bias=False) for _ in layers])

    def forward(self, inputs: Inputs, around: Around) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        user, item = self.user, self.item
        ends: list[Tensor] = []
        for states, sides in ((around.user, (user, item)), (around.item, (item, user))):
            own = [sides[n % 2].total(node) for n, node in enumerate(states.node)]
            ends.append(torch.cat(propagate(states, own, self._layer), dim=1))
        return (ends[0][:, None] * ends[1][around.seat]).sum(dim=2)

    def _layer(self, number: int, x: Tensor, near: Tensor, real: Tensor) -> Tensor:
        pass_on, share = self.pass_on[number], self.share[number]
        around = mean_of_neighbors(near, real)
        return nn.functional.leaky_relu(pass_on(x + around) + share(around * x), 0.2)
