"""A sequence summed up for who asks."""

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.sequence.attention import Attention
from tidegraph.nn.sequence.history import CrossBias

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class QuerySequence(nn.Module):
    """Attention to a sequence, to which two dense layers over it are added.

    Args:
        width: Of the vectors of places and of who asks.
        heads: Parts of a vector that are attended to apart.
        cross: Columns of what is known of who asks and of a place together.

    Source:
        Li et al., "Deep Time-Aware Item Evolution Network for Click-Through Rate
        Prediction", CIKM 2020, as its authors' code does it.
    """

    def __init__(self, width: int, heads: int, cross: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads, norm=True)
        self.cross = CrossBias(cross)
        self.first = nn.Linear(width, max(width // 2, 1))
        self.second = nn.Linear(max(width // 2, 1), width)

    def forward(
        self,
        asking: Float[Tensor, "b q width"],
        key: Float[Tensor, "b h width"],
        value: Float[Tensor, "b h width"],
        real: Float[Tensor, "b h"],
        cross: Float[Tensor, "b q h c"],
    ) -> Float[Tensor, "b q width"]:
        """Return the sequence as each asks for it.

        Args:
            asking: Who asks.
            key: What each place is asked by.
            value: What it answers.
            real: 1 where there is a place, and 0 elsewhere.
            cross: What is known of who asks and of a place together.
        """
        bias = self.cross(cross)
        x = self.attention(asking, key, value, real[:, None], bias)
        return x + self.second(torch.relu(self.first(x)))

    def of_each(
        self,
        asking: Float[Tensor, "b k width"],
        key: Float[Tensor, "b k h width"],
        value: Float[Tensor, "b k h width"],
        real: Float[Tensor, "b k h"],
        cross: Float[Tensor, "b k h c"],
    ) -> Float[Tensor, "b k width"]:
        """Return a sequence of their own as each asks for it; see ``forward``."""
        each = (part.flatten(0, 1) for part in (key, value, real))
        one = asking.flatten(0, 1)[:, None]
        found = self(one, *each, cross.flatten(0, 1)[:, None])
        return found[:, 0].view(asking.shape)
