"""What reads the sequence of a node's neighbours in a layer of DSGL, in its order."""

from typing import Literal

from jaxtyping import Bool, Float

from tidegraph.extras import needed
from tidegraph.nn.recurrent import GRU, LSTM, TimeLSTM
from tidegraph.nn.sequence.attention import Blocks
from tidegraph.nn.vectors import look_up_rows

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

Encoder = Literal["lstm", "gru", "time_lstm", "transformer", "none"]


class CausalBlock(nn.Module):
    """A block of attention in which each neighbour sees itself and those before it.

    Places are counted from the latest neighbour, and their vectors learnt.

    Args:
        width: Of what is known of a neighbour.
        size: Of what is made of it.
        heads: Of the attention.
        length: How many neighbours there are at most.

    Source:
        Vaswani et al., "Attention is all you need", NeurIPS 2017, normalised first.
    """

    def __init__(self, width: int, size: int, heads: int, length: int) -> None:
        super().__init__()
        self.input = nn.Linear(width, size)
        self.place = nn.Embedding(length, size)
        self.blocks = Blocks(size, 1, heads, size, torch.relu, norm_first=True)

    def forward(
        self, x: Float[Tensor, "n h width"], real: Bool[Tensor, "n h"]
    ) -> Float[Tensor, "n h size"]:
        """Return each neighbour after those before it.

        Args:
            x: What is known of each, oldest first.
            real: Where there is one; all stand before the places without.
        """
        h = torch.arange(x.shape[1], device=x.device)
        place = (real.sum(dim=1, keepdim=True) - 1 - h).clamp(min=0)
        seen = x.new_ones(len(h), len(h)).tril() * real[:, None].to(x.dtype)
        return self.blocks(self.input(x) + look_up_rows(self.place, place), seen)


def encoder_of(
    kind: Encoder, width: int, size: int, heads: int, length: int
) -> nn.Module:
    """Return an encoder, with weights yet to be drawn.

    Args:
        kind: Which.
        width: Of what is known of a neighbour.
        size: Of what is made of it.
        heads: Of the attention of a ``transformer``.
        length: How many neighbours there are at most.
    """
    match kind:
        case "none":
            return nn.Linear(width, size)
        case "lstm":
            return LSTM(width, size)
        case "gru":
            return GRU(width, size)
        case "time_lstm":
            return TimeLSTM(width, size)
        case "transformer":
            return CausalBlock(width, size, heads, length)


def read_in_order(
    encoder: nn.Module,
    x: Float[Tensor, "n h width"],
    age: Float[Tensor, "n h"],
    real: Bool[Tensor, "n h"],
) -> Float[Tensor, "n h size"]:
    """Return what an encoder makes of sequences.

    Args:
        encoder: What ``encoder_of`` returned.
        x: What is known of each neighbour, oldest first.
        age: Days since the event of each.
        real: Where there is a neighbour; all stand before the places without.
    """
    if isinstance(encoder, TimeLSTM):
        return encoder(x, log_days_to_next(age))
    if isinstance(encoder, LSTM):
        return encoder(x, real.sum(dim=1))
    return encoder(x, real) if isinstance(encoder, CausalBlock) else encoder(x)


def log_days_to_next(age: Float[Tensor, "n h"]) -> Float[Tensor, "n h"]:
    """Return log(1 + days) from each event to the next, or to now after the last.

    Args:
        age: Days since each event, oldest first, and 0 where there is none.
    """
    later = torch.cat([age[:, 1:], torch.zeros_like(age[:, :1])], dim=1)
    return torch.log1p((age - later).clamp(min=0))
