"""Interest of a user in an item: the history weighed by the item, event by event."""

import numpy as np
from jaxtyping import Bool, Float, Int

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

GAPS = 12
"""Buckets of the age of a history event: floor(log2(days + 1)), the last open."""
AGE = 4
"""Width of the vector of an age bucket."""


class Dice(nn.Module):
    """A PReLU whose bend follows the distribution of its input, per unit."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.standard = nn.BatchNorm1d(width, affine=False)
        self.slope = nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """Return p x + (1 - p) slope x, p the sigmoid of the standardised input."""
        gate = torch.sigmoid(self.standard(x))
        return gate * x + (1 - gate) * self.slope * x


class Activation(nn.Module):
    """How much each event of the history speaks for each candidate.

    One hidden layer over [event, candidate, event - candidate, event x candidate, age],
    computed without ever laying the five side by side: only their product depends on
    event and candidate together, and that part is one matrix product per request.
    """

    def __init__(self, width: int, age: int = AGE, hidden: int = 16) -> None:
        super().__init__()
        self.first = nn.Linear(4 * width + age, hidden)
        self.bend = nn.PReLU()
        self.second = nn.Linear(hidden, 1)
        self.split = [width, width, width, width, age]

    def forward(
        self,
        event: Float[Tensor, "b h width"],
        candidate: Float[Tensor, "b k width"],
        age: Float[Tensor, "b h age"],
    ) -> Float[Tensor, "b k h"]:
        """Return one weight per candidate and event."""
        of_event, of_target, of_gap, of_both, of_age = torch.split(
            self.first.weight, self.split, dim=1
        )
        by_event = event @ (of_event + of_gap).T + age @ of_age.T + self.first.bias
        by_target = candidate @ (of_target - of_gap).T
        b, k, width = candidate.shape
        # (b, k, hidden, width) x (b, width, h): each hidden unit's view of the pair.
        views = (candidate[:, :, None, :] * of_both).reshape(b, -1, width)
        by_both = (views @ event.transpose(1, 2)).reshape(b, k, -1, event.shape[1])
        pair = by_both + by_target[:, :, :, None] + by_event.transpose(1, 2)[:, None]
        bent = torch.where(pair > 0, pair, self.bend.weight * pair)
        return torch.einsum("bkuh,u->bkh", bent, self.second.weight[0]) + (
            self.second.bias
        )


class InterestNetwork(nn.Module):
    """The logit of an action; row 0 of every table stands for the unknown.

    Source:
        Zhou et al. (2018), equations 3 and 5.
    """

    def __init__(
        self,
        num_items: int,
        num_categories: int,
        num_features: int,
        embedding_size: int,
        hidden: tuple[int, ...],
        id_dropout: float,
    ) -> None:
        super().__init__()
        width = 2 * embedding_size
        self.id_dropout = id_dropout
        self.item = nn.Embedding(num_items + 1, embedding_size)
        self.category = nn.Embedding(num_categories + 1, embedding_size)
        self.gap = nn.Embedding(GAPS, AGE)
        self.activation = Activation(width)
        layers: list[nn.Module] = []
        size = 3 * width + num_features
        for wide in hidden:
            layers += [nn.Linear(size, wide), Dice(wide)]
            size = wide
        self.deep = nn.Sequential(*layers, nn.Linear(size, 1))
        self.wide = nn.Linear(num_features, 1)

    def start(self, share: float) -> None:
        """Begin with the probability ``share`` for everything."""
        nn.init.constant_(self.wide.bias, float(np.log(share / (1 - share + 1e-9))))

    def forward(
        self,
        target: Int[Tensor, "b k 2"],
        history: Int[Tensor, "b h 3"],
        features: Float[Tensor, "b k f"],
        present: Bool[Tensor, "b k"],
        hide: Float[Tensor, " items"] | None = None,
    ) -> Float[Tensor, " n"]:
        """Return the logit of each target that is present, row by row.

        Args:
            target: Item and category, 0 for unknown.
            history: Item, category and age bucket of each event; bucket -1 where none.
            features: The shared inputs.
            present: Where there is a target.
            hide: Per item 0 to hide its id and 1 to show it; all shown if left out.
        """
        candidate = self._vector(target[:, :, 0], target[:, :, 1], hide)
        event = self._vector(history[:, :, 0], history[:, :, 1], hide)
        age = self.gap(history[:, :, 2].clamp(min=0))
        weight = self.activation(event, candidate, age)
        weight = weight * (history[:, None, :, 2] >= 0)
        interest = weight @ event
        parts = [interest, candidate, interest * candidate, features]
        joint = torch.cat(parts, dim=2)[present]
        return (self.deep(joint) + self.wide(features[present]))[:, 0]

    def _vector(
        self, item: Tensor, category: Tensor, hide: Tensor | None
    ) -> Float[Tensor, "*shape width"]:
        if hide is not None:
            item = item * hide[item].long()
        return torch.cat([self.item(item), self.category(category)], dim=-1)
