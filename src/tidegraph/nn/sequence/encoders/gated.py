"""Gated recurrent units over a history."""

from typing import cast

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.recurrent import GRU
from tidegraph.ranges import at_least, below_1

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class GatedUnits:
    """The history is read event by event, the oldest first.

    Attributes:
        layers: How many layers of units there are.
        dropout: Share of the events' vectors, and of a layer's, that training leaves
            out.

    Source:
        Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks",
        ICLR 2016, section 3.1.
    """

    layers: int = 1
    dropout: float = 0.2

    def __post_init__(self) -> None:
        at_least("GatedUnits", 1, layers=self.layers)
        below_1("GatedUnits", dropout=self.dropout)

    def of_events(self, size: int, length: int) -> nn.Module:
        """Return the module, with weights yet to be drawn."""
        return GatedStates(self, size)


class GatedStates(nn.Module):
    """The state of the units of the last layer after each event."""

    def __init__(self, config: GatedUnits, size: int) -> None:
        super().__init__()
        self.drop = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList([GRU(size, size) for _ in range(config.layers)])

    def forward(
        self, x: Float[Tensor, "b h size"], there: Float[Tensor, "b h"]
    ) -> Float[Tensor, "b h size"]:
        """Return a state at each event, the latest first."""
        x, share = x.flip(1), there.flip(1)
        for layer in self.layers:
            x = cast(GRU, layer).masked(self.drop(x), share)
        return x.flip(1)
