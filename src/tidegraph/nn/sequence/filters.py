"""Filters over an image of events, one above the other."""

from jaxtyping import Float

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class Filters(nn.Module):
    """What filters over a few events in a row and over all of them find, as a vector.

    Args:
        window: Events in an image.
        wide: Numbers of an event.
        horizontal: Filters over each number of events in a row; their largest counts.
        vertical: Filters over all events, number by number.
        out: Numbers in the vector.
        dropout: Share of what filters found that training leaves out.

    Source:
        Tang and Wang, "Personalized Top-N Sequential Recommendation via Convolutional
        Sequence Embedding", WSDM 2018, section 3.
    """

    def __init__(
        self,
        window: int,
        wide: int,
        horizontal: int,
        vertical: int,
        out: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        rows = range(1, window + 1)
        self.horizontal = nn.ModuleList([nn.Linear(wide * n, horizontal) for n in rows])
        self.vertical = nn.Linear(window, vertical, bias=False)
        self.drop = nn.Dropout(dropout)
        self.last = nn.Linear(horizontal * window + wide * vertical, out)

    def forward(
        self, images: Float[Tensor, "... window wide"]
    ) -> Float[Tensor, "... out"]:
        """Return the vector of each image."""
        found = [self.vertical(images.transpose(-1, -2)).flatten(start_dim=-2)]
        for n, filters in enumerate(self.horizontal):
            windows = images.unfold(-2, n + 1, 1).flatten(start_dim=-2)
            found.append(torch.relu(filters(windows)).amax(dim=-2))
        return torch.relu(self.last(self.drop(torch.cat(found, dim=-1))))
