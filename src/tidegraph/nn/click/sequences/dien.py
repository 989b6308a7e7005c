"""DIEN: interests drawn from the history, and how those for an item evolve."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.recurrent import GRU
from tidegraph.nn.sequence.attention import masked_softmax
from tidegraph.nn.sequence.history import (
    CrossBias,
    EventStates,
    InterestTower,
    real_events,
)
from tidegraph.nn.sequence.next_item import discrimination_loss, pairs_with_event_before
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class DIEN:
    """Deep interest evolution network.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the layers after the history.
        auxiliary: What the loss of the next event of each interest counts for.

    Source:
        Zhou et al., "Deep Interest Evolution Network for Click-Through Rate
        Prediction", AAAI 2019, with AUGRU. Departs: the item that did not come next is
        one of the batch's events, not of all items; what is known of event and
        candidate joins the attention.
    """

    name: ClassVar[str] = "DIEN"

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)
    auxiliary: float = 1.0

    def __post_init__(self) -> None:
        check_widths("DIEN", self.embedding_size, self.hidden)
        at_least("DIEN", 0, auxiliary=self.auxiliary)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return DIENNetwork(spec, self)


class DIENNetwork(nn.Module):
    """Units over events, whose states are read by units that update by attention."""

    def __init__(self, spec: InputSpec, config: DIEN) -> None:
        super().__init__()
        self.share = config.auxiliary
        self.states = EventStates(spec, config.embedding_size)
        self.vectors, width = self.states.vectors, self.states.vectors.width
        self.ask = nn.Linear(width, width, bias=False)
        self.cross = CrossBias(spec.cross)
        self.evolve = GRU(width, width)
        self.tower = InterestTower(spec, config.embedding_size, config.hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        candidate, state = self.vectors.candidates(inputs), self.states(inputs)
        score = self.ask(candidate) @ state.transpose(1, 2) + self.cross(inputs.cross)
        weight = masked_softmax(score, real_events(inputs)[:, None].expand_as(score))
        evolved = self.evolve(state.flip(1)[:, None], weight.flip(2))[:, :, -1]
        return self.tower(evolved, candidate, inputs)

    def auxiliary(self, inputs: Inputs) -> Float[Tensor, ""]:
        """Return the loss of telling the next event by the interest before it."""
        item = self.vectors.items(inputs)
        known = pairs_with_event_before(self.states(inputs), item, inputs)
        return self.share * discrimination_loss(known)
