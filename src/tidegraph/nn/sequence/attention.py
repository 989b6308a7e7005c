"""Attention among a few places of which some are empty."""

import math
from collections.abc import Callable

from jaxtyping import Float

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


def masked_softmax(
    score: Float[Tensor, "*shape h"], seen: Float[Tensor, "... h"]
) -> Float[Tensor, "*shape h"]:
    """Return the softmax over the places that are seen; all 0 if none is.

    Args:
        score: Of each place.
        seen: 1 where a place is seen, and 0 elsewhere; axes of 1 are repeated.
    """
    return (score + (seen - 1) * 1e9).softmax(dim=-1) * seen


class Attention(nn.Module):
    """Each place that asks, as the sum of those it sees, by how much it asks for them.

    softmax(Q K^T / sqrt(d)) V for each head, side by side, times a matrix.

    Args:
        width: Of the vectors of places.
        heads: Parts of a vector that are attended to apart.
        bend: What queries, keys and values pass through, if anything.
        norm: Normalise queries and keys, head by head.

    Source:
        Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        bend: Callable[[Tensor], Tensor] | None = None,
        *,
        norm: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.bend = heads, bend
        count = 2 if norm else 0
        norms = (nn.LayerNorm(width // heads) for _ in range(count))
        self.norms = nn.ModuleList(norms)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        query: Float[Tensor, "b q width"],
        key: Float[Tensor, "b h width"],
        value: Float[Tensor, "b h width"],
        seen: Float[Tensor, "b _ h"],
        bias: Float[Tensor, "b q h"] | None = None,
    ) -> Float[Tensor, "b q width"]:
        """Return what each place sees; 0 times the matrix where that is nothing.

        Args:
            query: The places that ask.
            key: The places that are asked.
            value: What is summed up of them.
            seen: Which of them each place sees, or all alike.
            bias: How much more each asks for each, in every head.
        """
        q, k, v = (
            self._heads(self.query(query)),
            self._heads(self.key(key)),
            self._heads(self.value(value)),
        )
        if self.norms:
            q, k = (norm(x) for norm, x in zip(self.norms, (q, k), strict=True))
        score = (q / math.sqrt(q.shape[3])) @ k.transpose(2, 3)
        if bias is not None:
            score = score + bias[:, None]
        weight = masked_softmax(score, seen[:, None])
        return self.out((weight @ v).transpose(1, 2).flatten(start_dim=2))

    def _heads(self, x: Tensor) -> Tensor:
        x = x if self.bend is None else self.bend(x)
        part = x.shape[2] // self.heads
        return x.view(*x.shape[:2], self.heads, part).transpose(1, 2)


class TransformerBlock(nn.Module):
    """Attention and two dense layers, each added to what it is given.

    Args:
        width: Of the vectors of places.
        heads: Of the attention.
        inner: Width between the two dense layers.
        bend: What is between them.
        norm_first: Normalise what each part is given rather than each sum.
        attention: Another attention than the usual one.
        dropout: Share of what each part adds that training leaves out.

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
        attention: Attention | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm_first, self.bend = norm_first, bend
        self.drop = nn.Dropout(dropout) if dropout else nn.Identity()
        self.attention = attention or Attention(width, heads)
        self.first = nn.Linear(width, inner)
        self.second = nn.Linear(inner, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2)])

    def forward(
        self,
        x: Float[Tensor, "b q width"],
        seen: Float[Tensor, "b _ h"],
        others: Float[Tensor, "b h width"] | None = None,
        bias: Float[Tensor, "b q h"] | None = None,
    ) -> Float[Tensor, "b q width"]:
        """Return each place after those it sees; see ``Attention``.

        Args:
            x: The places.
            seen: Which places each of them sees.
            others: Places of another sequence to see; those of its own if left out.
            bias: How much more each sees of each.
        """
        if self.norm_first:
            y = self.norms[0](x)
            at = y if others is None else others
            x = x + self.drop(self.attention(y, at, at, seen, bias))
            return x + self._dense(self.norms[1](x))
        at = x if others is None else others
        x = self.norms[0](x + self.drop(self.attention(x, at, at, seen, bias)))
        return self.norms[1](x + self._dense(x))

    def _dense(self, x: Tensor) -> Tensor:
        return self.drop(self.second(self.bend(self.first(x))))


class Blocks(nn.Module):
    """So many blocks of attention, one after the other; see ``TransformerBlock``.

    With ``norm_first`` their last sum is normalised, too.
    """

    def __init__(
        self,
        width: int,
        blocks: int,
        heads: int,
        inner: int,
        bend: Callable[[Tensor], Tensor],
        *,
        norm_first: bool,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        each = (
            TransformerBlock(
                width, heads, inner, bend, norm_first=norm_first, dropout=dropout
            )
            for _ in range(blocks)
        )
        self.blocks = nn.ModuleList(each)
        self.norm = nn.LayerNorm(width) if norm_first else nn.Identity()

    def forward(
        self, x: Float[Tensor, "b h width"], seen: Float[Tensor, "b _ h"]
    ) -> Float[Tensor, "b h width"]:
        """Return each place after those it sees.

        Args:
            x: The places.
            seen: Which places each of them sees, or all alike.
        """
        for block in self.blocks:
            x = block(x, seen)
        return self.norm(x)


def causal_mask(there: Float[Tensor, "b h"]) -> Float[Tensor, "b h h"]:
    """Return what each event sees, itself and those before it, the latest first."""
    # The latest stands first, so what was before a place stands behind it.
    h = there.shape[1]
    return there.new_ones(h, h).triu() * there[:, None]
