"""Caser: the latest events as an image, which filters look at."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.sequence.history import HistoryVectors, InterestTower

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class Caser:
    """Convolutional sequence embedding.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the layers after the history.
        window: How many of the latest events are looked at.
        horizontal: Filters over each number of events in a row.
        vertical: Filters over all events, number by number.

    Source:
        Tang and Wang, "Personalized Top-N Sequential Recommendation via Convolutional
        Sequence Embedding", WSDM 2018, section 3. Departs: the interest enters
        the layers that all click models end in.
    """

    name: ClassVar[str] = "Caser"

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
        self.window, many = config.window, config.horizontal
        self.vectors = HistoryVectors(spec, config.embedding_size)
        wide = self.vectors.event_width
        rows = range(1, self.window + 1)
        self.horizontal = nn.ModuleList([nn.Linear(wide * n, many) for n in rows])
        self.vertical = nn.Linear(self.window, config.vertical, bias=False)
        found = many * self.window + wide * config.vertical
        self.last = nn.Linear(found, self.vectors.width)
        self.tower = InterestTower(spec, config.embedding_size, config.hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        image = self.vectors.events(inputs)[:, : self.window]
        image = nn.functional.pad(image, (0, 0, 0, self.window - image.shape[1]))
        found = [self.vertical(image.transpose(1, 2)).flatten(start_dim=1)]
        for n, filters in enumerate(self.horizontal):
            windows = image.unfold(1, n + 1, 1).flatten(start_dim=2)
            found.append(torch.relu(filters(windows)).amax(dim=1))
        interest = torch.relu(self.last(torch.cat(found, dim=1)))[:, None]
        return self.tower(interest, self.vectors.candidates(inputs), inputs)
