"""Blocks of attention over a history."""

from typing import Literal

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.nn.sequence.attention import Blocks, causal_mask
from tidegraph.ranges import at_least, below_1, within

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class Transformer:
    """Each event attends to others.

    Attributes:
        blocks: How many blocks of attention there are.
        heads: Parts of a vector that are attended to apart.
        inner: Width between the two dense layers of a block, in vectors.
        bend: What is between them.
        norm_first: Normalise what each part is given, and the last sum, rather than
            each sum.
        masked: Share of the events that training hides behind a token, each to be
            found by all others. If left out, an event attends to itself and to those
            before it, and is to find the next.
        dropout: Share of the events' vectors, and of what a part adds, that training
            leaves out.

    Source:
        Vaswani et al., "Attention is all you need", NeurIPS 2017. Departs: places are
        counted from the latest, and their vectors learnt; no weight of the attention is
        left out.
    """

    blocks: int = 2
    heads: int = 2
    inner: int = 1
    bend: Literal["relu", "gelu"] = "relu"
    norm_first: bool = True
    masked: float | None = None
    dropout: float = 0.2

    def __post_init__(self) -> None:
        sizes = {"blocks": self.blocks, "heads": self.heads, "inner": self.inner}
        at_least("Transformer", 1, **sizes)
        within("Transformer", masked=self.masked)
        below_1("Transformer", dropout=self.dropout)

    def of_events(self, size: int, length: int) -> nn.Module:
        """Return the module, with weights yet to be drawn.

        Raises:
            ConfigError: The heads cannot share a vector.
        """
        if size % self.heads:
            raise ConfigError(
                f"a vector of {size} numbers cannot be shared by {self.heads} heads. "
                "Take a size that is a multiple of heads."
            )
        return TransformerStates(self, size, length)


class TransformerStates(nn.Module):
    """The events and their places, after all blocks."""

    def __init__(self, config: Transformer, size: int, length: int) -> None:
        super().__init__()
        self.causal = config.masked is None
        self.place = nn.Embedding(length, size)
        self.drop = nn.Dropout(config.dropout)
        bend = torch.relu if config.bend == "relu" else nn.functional.gelu
        self.blocks = Blocks(
            size,
            config.blocks,
            config.heads,
            config.inner * size,
            bend,
            norm_first=config.norm_first,
            dropout=config.dropout,
        )
        self.norm = nn.Identity() if config.norm_first else nn.LayerNorm(size)

    def forward(
        self, x: Float[Tensor, "b h size"], there: Float[Tensor, "b h"]
    ) -> Float[Tensor, "b h size"]:
        """Return a state at each event, the latest first."""
        x = self.drop(self.norm(x + self.place.weight[: x.shape[1]]))
        return self.blocks(x, causal_mask(there) if self.causal else there[:, None])
