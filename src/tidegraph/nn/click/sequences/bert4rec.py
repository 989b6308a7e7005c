"""BERT4Rec: all events attend to each other, and a token asks what comes now."""

from typing import ClassVar

from jaxtyping import Bool, Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.sequence.attention import Blocks
from tidegraph.nn.sequence.history import InterestTower, PlacedEvents, real_events
from tidegraph.nn.sequence.next_item import Foretold, discrimination_loss
from tidegraph.ranges import at_least, within

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class BERT4Rec:
    """Bidirectional self-attention over the history.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the layers after the history.
        blocks: How many blocks of attention there are.
        heads: Parts of a vector that are attended to apart.
        length: How many of the latest places have vectors of their own.
        masked: Share of the events that training hides behind the token, each to be
            told from another by all that are left.
        auxiliary: What the loss of the hidden events counts for.

    Source:
        Sun et al., "BERT4Rec", CIKM 2019, section 3. Departs: it also learns from what
        was and was not acted on after the token; a hidden event is told from that of
        one other item, not from all items; what is known of an event is projected and
        added as its place is; the interest enters the layers that all click models end
        in.
    """

    name: ClassVar[str] = "BERT4Rec"
    history_numbers: ClassVar[tuple[str, ...]] = ("event",)
    reach: ClassVar[str] = "length"

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)
    blocks: int = 2
    heads: int = 2
    length: int = 30
    masked: float = 0.2
    auxiliary: float = 1.0

    def __post_init__(self) -> None:
        counts = {"blocks": self.blocks, "length": self.length}
        check_widths("BERT4Rec", self.embedding_size, self.hidden, self.heads, **counts)
        within("BERT4Rec", masked=self.masked)
        at_least("BERT4Rec", 0, auxiliary=self.auxiliary)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return BERT4RecNetwork(spec, self)


class BERT4RecNetwork(nn.Module):
    """What a token after the latest event becomes is the user's interest."""

    def __init__(self, spec: InputSpec, config: BERT4Rec) -> None:
        super().__init__()
        self.masked, self.share = config.masked, config.auxiliary
        self.events = PlacedEvents(spec, config.embedding_size, config.length)
        width, gelu = self.events.vectors.width, nn.functional.gelu
        self.token = nn.Embedding(1, width)
        many = config.blocks, config.heads
        self.blocks = Blocks(width, *many, 4 * width, gelu, norm_first=False)
        self.tower = InterestTower(spec, config.embedding_size, config.hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        candidate = self.events.vectors.candidates(inputs)
        return self.tower(self._states(inputs)[:, :1], candidate, inputs)

    def auxiliary(self, inputs: Inputs) -> Float[Tensor, ""]:
        """Return the loss of telling hidden events by all others."""
        drawn = torch.rand(inputs.real_step.shape, device=inputs.step.device)
        hidden = (drawn < self.masked) & inputs.real_step
        states = self._states(inputs, hidden)[:, 1:]
        item = self.events.vectors.items(inputs)
        known = Foretold(states, hidden, item, inputs.step, inputs.real_step)
        return self.share * discrimination_loss(known)

    def _states(
        self, inputs: Inputs, hidden: Bool[Tensor, "b h"] | None = None
    ) -> Float[Tensor, "b _ width"]:
        """Return what the token for now becomes, and each event, the latest first."""
        x = self.events(inputs, hidden, self.token.weight)
        there = real_events(inputs)[:, None]
        x = torch.cat([self.token.weight.expand(x.shape[0], 1, -1), x], dim=1)
        seen = torch.cat([torch.ones_like(there[:, :, :1]), there], dim=2)
        return self.blocks(x, seen)
