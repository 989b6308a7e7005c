"""BERT4Rec: all events attend to each other, and a token asks what comes now."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.sequence.attention import TransformerBlock
from tidegraph.nn.sequence.history import InterestTower, PlacedEvents, real

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
        positions: How many of the latest places have vectors of their own.

    Source:
        Sun et al., "BERT4Rec", CIKM 2019, section 3. Departs: it learns from
        what was and was not acted on after the token, not from masked events; what is
        known of an event is projected and added as its place is; the interest enters
        the layers that all click models end in.
    """

    name: ClassVar[str] = "BERT4Rec"

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)
    blocks: int = 2
    heads: int = 2
    positions: int = 50

    def __post_init__(self) -> None:
        check_widths("BERT4Rec", **vars(self))

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return BERT4RecNetwork(spec, self)


class BERT4RecNetwork(nn.Module):
    """What a token after the latest event becomes is the user's interest."""

    def __init__(self, spec: InputSpec, config: BERT4Rec) -> None:
        super().__init__()
        self.events = PlacedEvents(spec, config.embedding_size, config.positions)
        width, gelu = self.events.vectors.width, nn.functional.gelu
        self.token = nn.Embedding(1, width)
        blocks = (
            TransformerBlock(width, config.heads, 4 * width, gelu, norm_first=False)
            for _ in range(config.blocks)
        )
        self.blocks = nn.ModuleList(blocks)
        self.tower = InterestTower(spec, config.embedding_size, config.hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        x, there = self.events(inputs), real(inputs)[:, None]
        x = torch.cat([self.token.weight.expand(x.shape[0], 1, -1), x], dim=1)
        seen = torch.cat([torch.ones_like(there[:, :, :1]), there], dim=2)
        for block in self.blocks:
            x = block(x, seen)
        return self.tower(x[:, :1], self.events.vectors.candidates(inputs), inputs)
