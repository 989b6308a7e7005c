"""Interest of a user in an item: the history weighed by the item, event by event."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import Tower, check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.vectors import EventVectors, FieldVectors, UserVectors

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class Activation(nn.Module):
    """How much each event of the history weighs for each candidate.

    One hidden layer over [event, candidate, event - candidate, event x candidate, age],
    computed without ever laying the five side by side: what a hidden unit looks for in
    an event depends on the candidate, and all look at all in one matrix product.
    """

    def __init__(self, width: int, when: int, hidden: int = 16) -> None:
        super().__init__()
        self.first = nn.Linear(4 * width + when, hidden)
        self.bend = nn.PReLU()
        self.second = nn.Linear(hidden, 1)
        self.split = [width, width, width, width, when]

    def forward(
        self,
        event: Float[Tensor, "b h width"],
        candidate: Float[Tensor, "b k width"],
        when: Float[Tensor, "b h when"],
    ) -> Float[Tensor, "b k h"]:
        """Return one weight per candidate and event."""
        of_event, of_target, of_gap, of_both, of_when = torch.split(
            self.first.weight, self.split, dim=1
        )
        b, k, _ = candidate.shape
        by_target = candidate @ (of_target - of_gap).T + self.first.bias
        # (b, k, hidden, width): how each hidden unit looks at events for a candidate.
        view = torch.addcmul(of_event + of_gap, candidate[:, :, None], of_both)
        view = view.flatten(1, 2).transpose(1, 2)
        pair = torch.baddbmm(by_target.view(b, 1, -1), event, view)
        pair = pair.view(b, -1, k, len(of_when)) + (when @ of_when.T)[:, :, None]
        # Bent, x is a x + (1 - a) max(x, 0); a sum over units weighs either part.
        weight = self.second.weight
        bent = self.bend.weight * weight
        summed = nn.functional.linear(pair, bent, self.second.bias)
        summed = summed + nn.functional.linear(pair.relu(), weight - bent)
        return summed[..., 0].transpose(1, 2)


@settings
class DIN:
    """Deep interest network over the latest events of the history.

    Attributes:
        embedding_size: Width of the vector of a field, such as an item's id.
        hidden: Widths of the layers after pooling.

    Source:
        Zhou et al. (2018), "Deep interest network for click-through rate prediction":
        local activation unit without softmax, Dice. Departs: the shared features enter
        beside the vectors and, linearly, the logit; what is known of each event, and
        of event and candidate together, enters the activation unit.
    """

    name: ClassVar[str] = "DIN"

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)

    def __post_init__(self) -> None:
        check_widths("DIN", self.embedding_size, self.hidden)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return DINNetwork(spec, self.embedding_size, self.hidden)


class DINNetwork(nn.Module):
    """The history summed, each event by its own activation for the candidate.

    Source:
        Zhou et al. (2018), "Deep interest network for click-through rate prediction",
        equations 3 and 5.
    """

    def __init__(self, spec: InputSpec, size: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.item = FieldVectors(spec.item, size)
        self.user = UserVectors(spec.user, size)
        self.when = EventVectors(spec)
        width = self.item.width
        self.activation = Activation(width, self.when.width)
        self.cross = nn.Linear(spec.cross, 1, bias=False) if spec.cross else None
        self.tower = Tower(3 * width + self.user.width + spec.numbers, hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        candidate, event = self.item.of_both(inputs.item, inputs.step)
        weight = self.activation(event, candidate, self.when(inputs))
        if self.cross is not None:
            weight = weight + self.cross(inputs.cross)[..., 0]
        interest = (weight * inputs.real_step[:, None, :]) @ event
        user = self.user(inputs.user)[:, None].expand(-1, candidate.shape[1], -1)
        parts = [interest, candidate, interest * candidate, user, inputs.numbers]
        return self.tower(torch.cat(parts, dim=2), inputs.present)
