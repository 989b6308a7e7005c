"""SASRec: each event attends to those before it."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.sequence.attention import Blocks, causal_mask
from tidegraph.nn.sequence.history import InterestTower, PlacedEvents, real_events

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class SASRec:
    """Self-attentive sequential recommendation.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the layers after the history.
        blocks: How many blocks of attention there are.
        heads: Parts of a vector that are attended to apart.
        length: How many of the latest places have vectors of their own.

    Source:
        Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018,
        section 3, with the last norm of its authors' code. Departs: what is
        known of an event is projected and added as its place is; no dropout but that of
        ids; the interest enters the layers that all click models end in.
    """

    name: ClassVar[str] = "SASRec"
    history_numbers: ClassVar[tuple[str, ...]] = ("event",)
    reach: ClassVar[str] = "length"

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)
    blocks: int = 2
    heads: int = 1
    length: int = 30

    def __post_init__(self) -> None:
        check_widths("SASRec", **vars(self))

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return SASRecNetwork(spec, self)


class SASRecNetwork(nn.Module):
    """The latest event, after blocks of causal attention, is the user's interest."""

    def __init__(self, spec: InputSpec, config: SASRec) -> None:
        super().__init__()
        self.events = PlacedEvents(spec, config.embedding_size, config.length)
        width = self.events.vectors.width
        many = config.blocks, config.heads
        self.blocks = Blocks(width, *many, width, torch.relu, norm_first=True)
        self.tower = InterestTower(spec, config.embedding_size, config.hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        there = real_events(inputs)
        states = self.blocks(self.events(inputs), causal_mask(there))
        interest = states[:, :1] * there[:, :1, None]
        return self.tower(interest, self.events.vectors.candidates(inputs), inputs)
