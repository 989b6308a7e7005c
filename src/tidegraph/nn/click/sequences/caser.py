"""Caser: the latest events as an image, which filters look at."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.sequence.filters import Filters
from tidegraph.nn.sequence.history import HistoryVectors, InterestTower

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class Caser:
    """Convolutional sequence embedding.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the layers after the history.
        window: How many of the latest events are looked at, of those that a ranker
            reads: ``history`` of its features.
        horizontal: Filters over each number of events in a row.
        vertical: Filters over all events, number by number.

    Source:
        Tang and Wang, "Personalized Top-N Sequential Recommendation via Convolutional
        Sequence Embedding", WSDM 2018, section 3. Departs: the interest enters
        the layers that all click models end in.
    """

    name: ClassVar[str] = "Caser"
    history_numbers: ClassVar[tuple[str, ...]] = ("event",)
    reach: ClassVar[str] = "window"

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)
    window: int = 5
    horizontal: int = 16
    vertical: int = 4

    def __post_init__(self) -> None:
        check_widths("Caser", **vars(self))

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return CaserNetwork(spec, self)


class CaserNetwork(nn.Module):
    """What filters find in the latest events is the user's interest."""

    def __init__(self, spec: InputSpec, config: Caser) -> None:
        super().__init__()
        self.window = config.window
        self.vectors = HistoryVectors(spec, config.embedding_size)
        wide, out = self.vectors.event_width, self.vectors.width
        many = config.horizontal, config.vertical
        self.filters = Filters(config.window, wide, *many, out)
        self.tower = InterestTower(spec, config.embedding_size, config.hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        image = self.vectors.events(inputs)[:, : self.window]
        image = nn.functional.pad(image, (0, 0, 0, self.window - image.shape[1]))
        interest = self.filters(image)[:, None]
        return self.tower(interest, self.vectors.candidates(inputs), inputs)
