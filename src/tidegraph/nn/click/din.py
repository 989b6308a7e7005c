"""Interest of a user in an item: the history weighed by the item, event by event."""

from typing import ClassVar

from jaxtyping import Float, Int

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import Tower, check_widths
from tidegraph.nn.inputs import Inputs, InputSpec

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

GAPS = 12
"""Buckets of the age of an event; those of ``features.steps``."""
AGE = 4
"""Width of the vector of an age bucket."""


class Activation(nn.Module):
    """How much each event of the history weighs for each candidate.

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


@settings
class Interest:
    """Settings of the deep interest network.

    Attributes:
        embedding_size: Width of an item's, and of a category's, vector.
        hidden: Widths of the layers after pooling.
    """

    name: ClassVar[str] = "DIN"

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)

    def __post_init__(self) -> None:
        check_widths("DIN", self.embedding_size, self.hidden)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return InterestNetwork(spec, self.embedding_size, self.hidden)


class InterestNetwork(nn.Module):
    """The history summed, each event by its own activation for the candidate.

    Source:
        Zhou et al. (2018), "Deep interest network for click-through rate prediction",
        equations 3 and 5.
    """

    def __init__(self, spec: InputSpec, size: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        width = 2 * size
        self.item = nn.Embedding(spec.items + 1, size)
        self.category = nn.Embedding(spec.categories + 1, size)
        self.gap = nn.Embedding(GAPS, AGE)
        self.activation = Activation(width)
        self.tower = Tower(3 * width + spec.numbers, hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        candidate, event = self._vector(inputs.item), self._vector(inputs.step)
        weight = self.activation(event, candidate, self.gap(inputs.age))
        interest = (weight * inputs.real_step[:, None, :]) @ event
        parts = [interest, candidate, interest * candidate, inputs.numbers]
        return self.tower(torch.cat(parts, dim=2), inputs.present)

    def _vector(self, rows: Int[Tensor, "b n 2"]) -> Float[Tensor, "b n width"]:
        return torch.cat([self.item(rows[..., 0]), self.category(rows[..., 1])], dim=-1)
