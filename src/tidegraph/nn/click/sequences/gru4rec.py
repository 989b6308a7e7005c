"""GRU4Rec: the history read event by event."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.sequence.history import EventStates, InterestTower
from tidegraph.nn.sequence.next_item import Foretold, pairs_with_event_before

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class GRU4Rec:
    """Gated recurrent units over the history.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the layers after the history.

    Source:
        Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks",
        ICLR 2016, section 3.1. Departs: it answers for the candidates it is given,
        by the layers that all click models end in, not for every item; it learns from
        what was and was not acted on, not by TOP1 or BPR in sessions side by side.
    """

    name: ClassVar[str] = "GRU4Rec"
    history_numbers: ClassVar[tuple[str, ...]] = ("event",)

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)

    def __post_init__(self) -> None:
        check_widths("GRU4Rec", **vars(self))

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return GRU4RecNetwork(spec, self.embedding_size, self.hidden)


class GRU4RecNetwork(nn.Module):
    """The state of the units after the latest event is the user's interest."""

    def __init__(self, spec: InputSpec, size: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.states = EventStates(spec, size)
        self.width = self.states.vectors.width
        self.tower = InterestTower(spec, size, hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        candidate = self.states.vectors.candidates(inputs)
        return self.tower(self.states(inputs)[:, :1], candidate, inputs)

    def foretold(self, inputs: Inputs) -> Foretold:
        """Return the events, each with the state before it."""
        item = self.states.vectors.items(inputs)
        return pairs_with_event_before(self.states(inputs), item, inputs)
