"""The network of a sequence model: vectors of items, and an encoder of histories."""

import math

from jaxtyping import Bool, Float, Int

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.recurrent import fused
from tidegraph.nn.sequence.encoders import HidesEvents, ReadsItems, SequenceEncoder

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class Design:
    """What a network is made of.

    Attributes:
        encoder: What reads the vectors of events.
        size: Numbers in a vector.
        length: Most events that are read.
    """

    encoder: SequenceEncoder
    size: int
    length: int

    @property
    def masked(self) -> float | None:
        """The share of events that training hides; none where it hides none."""
        return self.encoder.masked if isinstance(self.encoder, HidesEvents) else None

    @property
    def reads_items(self) -> bool:
        """Does the encoder read which items there are, beside their vectors?"""
        return isinstance(self.encoder, ReadsItems) and self.encoder.reads_items


class HistoryNetwork(nn.Module):
    """A state at each event, to be multiplied with the vectors of items.

    Args:
        design: What it is made of.
        items: How many there are.
    """

    def __init__(self, design: Design, items: int) -> None:
        super().__init__()
        self.items = nn.Embedding(items, design.size)
        self.token = None if design.masked is None else nn.Embedding(1, design.size)
        self.encoder = design.encoder.of_events(design.size, design.length)
        self.reads_items = design.reads_items
        # First vectors are short, so that products say little; places need them long.
        self.scale = math.sqrt(design.size)

    def forward(
        self,
        rows: Int[Tensor, "b h"],
        there: Bool[Tensor, "b h"],
        hidden: Bool[Tensor, "b h"] | None = None,
    ) -> Float[Tensor, "b h size"]:
        """Return the state at each event.

        Args:
            rows: The items of the events, the latest first.
            there: Where there is an event.
            hidden: Where a token stands in place of the item; nowhere if left out.
        """
        return self._states(rows, there, hidden, None)

    def latest(
        self,
        rows: Int[Tensor, "b h"],
        there: Bool[Tensor, "b h"],
        hidden: Bool[Tensor, "b h"] | None = None,
    ) -> Float[Tensor, "b size"]:
        """Return the state at the latest event alone; see ``forward``."""
        return self._states(rows, there, hidden, 1)[:, 0]

    def _states(
        self,
        rows: Int[Tensor, "b h"],
        there: Bool[Tensor, "b h"],
        hidden: Bool[Tensor, "b h"] | None,
        count: int | None,
    ) -> Float[Tensor, "b _ size"]:
        x = self.items(rows)
        if self.token is not None and hidden is not None:
            x = torch.where(hidden[:, :, None], self.token.weight, x)
        real = there.to(x.dtype)
        x = x * (self.scale * real[:, :, None])
        with fused():
            if self.reads_items:
                return self.encoder(x, real, rows + 1, count)
            return self.encoder(x, real)
