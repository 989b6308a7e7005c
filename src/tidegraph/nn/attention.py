"""Attention among a few places of which some are empty."""

import math
from collections.abc import Callable

from jaxtyping import Float

from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


def masked_softmax(
    score: Float[Tensor, "*shape h"], seen: Float[Tensor, "*shape h"]
) -> Float[Tensor, "*shape h"]:
    """Return the softmax over the places that are seen; all 0 if none is.

    Args:
        score: Of each place.
        seen: 1 where a place is seen, and 0 elsewhere.
    """
    return (score + (seen - 1) * 1e9).softmax(dim=-1) * seen


class SelfAttention(nn.Module):
    """Each place as the sum of those it sees, by how much it asks for them.

    softmax(Q K^T / sqrt(d)) V for each head, side by side, times a matrix.

    Source:
        Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "b h width"], seen: Float[Tensor, "b _ h"]
    ) -> Float[Tensor, "b h width"]:
        """Return what each place sees; 0 times the matrix where that is nothing.

        Args:
            x: The places.
            seen: Which places each of them sees, or all of them.
        """
        query, key, value = (
            layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        score = query @ key.transpose(2, 3) / math.sqrt(key.shape[3])
        weight = masked_softmax(score, seen[:, None].expand_as(score))
        return self.out((weight @ value).transpose(1, 2).flatten(start_dim=2))


class TransformerBlock(nn.Module):
    """Self-attention and two dense layers, each added to what it is given.

    Args:
        width: Of the vectors of places.
        heads: Of the attention.
        inner: Width between the two dense layers.
        bend: What is between them.
        norm_first: Normalise what each part is given rather than each sum.

    Source:
        Vaswani et al., "Attention is all you need", NeurIPS 2017.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        inner: int,
        bend: Callable[[Tensor], Tensor],
        *,
        norm_first: bool,
    ) -> None:
        super().__init__()
        self.norm_first, self.bend = norm_first, bend
        self.attention = SelfAttention(width, heads)
        self.first = nn.Linear(width, inner)
        self.second = nn.Linear(inner, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2)])

    def forward(
        self, x: Float[Tensor, "b h width"], seen: Float[Tensor, "b _ h"]
    ) -> Float[Tensor, "b h width"]:
        """Return each place after those it sees; see ``SelfAttention``."""
        if self.norm_first:
            x = x + self.attention(self.norms[0](x), seen)
            return x + self._dense(self.norms[1](x))
        x = self.norms[0](x + self.attention(x, seen))
        return self.norms[1](x + self._dense(x))

    def _dense(self, x: Tensor) -> Tensor:
        return self.second(self.bend(self.first(x)))


def check_heads(model: str, size: int, heads: int) -> None:
    """Refuse heads that cannot share a vector.

    Raises:
        ConfigError: They cannot, or there is none.
    """
    at_least(model, 1, heads=heads)
    if size % heads:
        raise ConfigError(
            f"{model} has embedding_size={size}, which its {heads} heads cannot share. "
            "Take a multiple of the heads."
        )
