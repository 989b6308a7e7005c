"""The latest event alone, as in a Markov chain."""

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.ranges import below_1

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class LatestEvent:
    """What comes next depends on the event before it, and on none before that.

    The matrix of transitions between items is a product: of the vector of the item
    before, a matrix, and the vector of the item that comes next.

    Attributes:
        dropout: Share of the events' vectors that training leaves out.

    Source:
        Rendle et al., "Factorizing Personalized Markov Chains for Next-Basket
        Recommendation", WWW 2010, without its part of users. Departs: a matrix takes
        an item from what was to what comes, where it had two vectors.
    """

    dropout: float = 0.2

    def __post_init__(self) -> None:
        below_1("LatestEvent", dropout=self.dropout)

    def of_events(self, size: int, length: int) -> nn.Module:
        """Return the module, with weights yet to be drawn."""
        return LatestStates(self, size)


class LatestStates(nn.Module):
    """A line over each event."""

    def __init__(self, config: LatestEvent, size: int) -> None:
        super().__init__()
        self.drop = nn.Dropout(config.dropout)
        self.next = nn.Linear(size, size)

    def forward(
        self, x: Float[Tensor, "b h size"], there: Float[Tensor, "b h"]
    ) -> Float[Tensor, "b h size"]:
        """Return a state at each event, the latest first."""
        return self.next(self.drop(x))
