"""DIB: an item as who chose it before that moment, as far as a user is like them."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.around import Around, Reads
from tidegraph.nn.crowd import CrowdVectors
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.recurrent import GRU
from tidegraph.nn.sequence.history import (
    CrossBias,
    HistoryVectors,
    InterestTower,
    real_events,
)

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class DIB:
    """Dynamic item block over gated recurrent units.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the last layers.
        history: How many of the latest events of each node are read.

    Source:
        Guo et al., "Dynamic Item Block and Prediction Enhancing Block for Sequential
        Recommendation", IJCAI 2019, the first, added to items, as in its authors' code.
        Departs: the candidate has a block too; the sum over users is not divided by
        their number, nor its share clipped; what is known of a choice is added to its
        user; the layers that all models end in replace the second, a loss over items.
    """

    name: ClassVar[str] = "DIB"

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)
    history: int = 10

    def __post_init__(self) -> None:
        check_widths("DIB", **vars(self))

    def reads(self) -> Reads:
        """Return the plans: the latest users of a candidate and of items of events."""
        return Reads.latest(2, 1, self.history)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return DIBNetwork(spec, self.embedding_size, self.hidden)


class DIBNetwork(nn.Module):
    """Units over events whose items are who chose them before, as a candidate is."""

    def __init__(self, spec: InputSpec, size: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.vectors = HistoryVectors(spec, size)
        width = self.vectors.width
        self.crowd = CrowdVectors(spec, width)
        self.share = nn.Parameter(torch.full((width,), 0.5))
        self.units = GRU(self.vectors.event_width, width)
        self.bias = CrossBias(spec.back)
        self.tower = InterestTower(spec, size, hidden)

    def forward(self, inputs: Inputs, around: Around) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        inputs = around.history(inputs)
        asking, there = self.crowd.asking(inputs.user)[:, None], real_events(inputs)
        before = self.crowd(around.user, 1).at(around.latest()).attended_by(asking)
        crowd, bias = self.crowd(around.item).at(around.seat), self.bias(around.back)
        lately = self.share * crowd.attended_by(asking, bias)
        wide = (0, self.vectors.event_width - before.shape[2])
        block = nn.functional.pad(self.share * before, wide) * there[:, :, None]
        events = self.vectors.events(inputs) + block
        interest = self.units.masked(events.flip(1), there.flip(1))[:, -1:]
        return self.tower(interest, self.vectors.candidates(inputs) + lately, inputs)
