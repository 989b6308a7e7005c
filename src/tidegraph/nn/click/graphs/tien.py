"""TIEN: an item as who chose it lately, when, and beside whom a user asks."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.around import Around, Reads
from tidegraph.nn.crowd import CrowdVectors
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.recurrent import GRU
from tidegraph.nn.sequence.history import EventStates, InterestTower, real_events
from tidegraph.nn.sequence.next_item import Foretold, pairs_with_event_before
from tidegraph.nn.sequence.query_sequence import QuerySequence

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class TIEN:
    """Deep time-aware item evolution network.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the last layers.
        heads: Parts of a vector that are attended to apart.
        history: How many of the latest events of each node are read.

    Source:
        Li et al., "Deep Time-Aware Item Evolution Network for Click-Through Rate
        Prediction", CIKM 2020, as its authors' code does it. Departs: what is known of
        choices enters beside their age; heads are mixed by a matrix.
    """

    name: ClassVar[str] = "TIEN"

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)
    heads: int = 4
    history: int = 10

    def __post_init__(self) -> None:
        check_widths("TIEN", **vars(self))

    def reads(self) -> Reads:
        """Return the plans: the latest events of both sides."""
        return Reads.latest(1, 1, self.history)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return TIENNetwork(spec, self)


class TIENNetwork(nn.Module):
    """Units over the events of both sides, and of the times between an item's."""

    def __init__(self, spec: InputSpec, config: TIEN) -> None:
        super().__init__()
        self.states = EventStates(spec, config.embedding_size)
        self.width = width = self.states.vectors.width
        self.crowd = CrowdVectors(spec, width)
        self.users, self.times = (GRU(width, width) for _ in range(2))
        self.of_user = QuerySequence(width, config.heads, spec.cross)
        self.of_item = QuerySequence(width, config.heads, spec.back)
        self.tower = InterestTower(spec, config.embedding_size, config.hidden, 3)

    def forward(self, inputs: Inputs, around: Around) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        inputs = around.history(inputs)
        candidate, events = self.states.vectors.candidates(inputs), self.states(inputs)
        taste = self.of_user(
            candidate, events, events, real_events(inputs), inputs.cross
        )
        crowd, seat = self.crowd(around.item), around.seat
        state = self.users.masked(crowd.user, crowd.real)
        asking = self.crowd.asking(inputs.user)[:, None] + crowd.mean()[seat]
        of_each = (state + crowd.about)[seat], state[seat], crowd.real[seat]
        found = self.of_item.of_each(asking, *of_each, around.back)
        aware = found + self.times.masked(crowd.about, crowd.real)[seat, -1]
        return self.tower(taste, candidate, inputs, crowd.latest(5)[seat], found, aware)

    def foretold(self, inputs: Inputs, around: Around) -> Foretold:
        """Return the events, each with the state before it."""
        inputs = around.history(inputs)
        item = self.states.vectors.items(inputs)
        return pairs_with_event_before(self.states(inputs), item, inputs)
