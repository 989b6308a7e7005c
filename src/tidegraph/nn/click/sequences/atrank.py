"""ATRank: events attend to each other, and a candidate to what they became."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.sequence.attention import Attention, TransformerBlock
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
class ATRank:
    """Attention among events, then of the candidate.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the layers after the history.
        heads: Latent spaces that are attended to apart.

    Source:
        Zhou et al., "ATRank: An Attention-Based User Behavior Modeling Framework for
        Recommendation", AAAI 2018, with one group of behaviours, as its authors' code
        does it: projections through ReLU, scaled products, dense layers of a quarter of
        the width. Departs: heads are mixed by a matrix; what is known of event and
        candidate together is added to the second attention; its answer enters the
        layers that all click models end in, not a product with the candidate.
    """

    name: ClassVar[str] = "ATRank"

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)
    heads: int = 4

    def __post_init__(self) -> None:
        check_widths("ATRank", **vars(self))

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return ATRankNetwork(spec, self)


class ATRankNetwork(nn.Module):
    """A block of attention among events, and one by which candidates see those."""

    def __init__(self, spec: InputSpec, config: ATRank) -> None:
        super().__init__()
        self.vectors = HistoryVectors(spec, config.embedding_size)
        width, heads = self.vectors.width, config.heads
        self.project = nn.Linear(self.vectors.event_width, width)
        self.among, self.towards = (
            TransformerBlock(
                width,
                heads,
                max(width // 4, 1),
                torch.relu,
                norm_first=False,
                attention=Attention(width, heads, torch.relu),
            )
            for _ in range(2)
        )
        self.cross = CrossBias(spec.cross)
        self.tower = InterestTower(spec, config.embedding_size, config.hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        candidate, there = self.vectors.candidates(inputs), real_events(inputs)[:, None]
        events = self.among(self.project(self.vectors.events(inputs)), there)
        interest = self.towards(candidate, there, events, self.cross(inputs.cross))
        return self.tower(interest, candidate, inputs)
