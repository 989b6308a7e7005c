"""Filters over the latest events of a history."""

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.sequence.filters import Filters
from tidegraph.ranges import at_least, below_1

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class Convolutions:
    """The latest events at each event are an image, which filters look at.

    Attributes:
        window: How many events an image holds.
        horizontal: Filters over each number of events in a row; their largest counts.
        vertical: Filters over all events, number by number.
        dropout: Share of what filters found that training leaves out.

    Source:
        Tang and Wang, "Personalized Top-N Sequential Recommendation via Convolutional
        Sequence Embedding", WSDM 2018, section 3. Departs: nothing is known of a user
        but the events, and an item is scored by the vector that is read of it.
    """

    window: int = 5
    horizontal: int = 16
    vertical: int = 4
    dropout: float = 0.2

    def __post_init__(self) -> None:
        counts = {"horizontal": self.horizontal, "vertical": self.vertical}
        at_least("Convolutions", 1, window=self.window, **counts)
        below_1("Convolutions", dropout=self.dropout)

    def of_events(self, size: int, length: int) -> nn.Module:
        """Return the module, with weights yet to be drawn."""
        return FilteredStates(self, size)


class FilteredStates(nn.Module):
    """What filters find in an event and those before it."""

    def __init__(self, config: Convolutions, size: int) -> None:
        super().__init__()
        self.window = config.window
        many = config.horizontal, config.vertical
        self.filters = Filters(config.window, size, *many, size, config.dropout)

    def forward(
        self, x: Float[Tensor, "b h size"], there: Float[Tensor, "b h"]
    ) -> Float[Tensor, "b h size"]:
        """Return a state at each event, the latest first."""
        # Events that are not there are 0, as those before the first.
        image = nn.functional.pad(x, (0, 0, 0, self.window - 1))
        return self.filters(image.unfold(1, self.window, 1).transpose(2, 3))
