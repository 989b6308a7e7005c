"""Losses beside that of clicks: which items a history is made of."""

from typing import NamedTuple

from jaxtyping import Bool, Float, Int

from tidegraph.extras import needed
from tidegraph.nn.inputs import Inputs

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class Foretold(NamedTuple):
    """Events of histories, and what is known of each without it.

    Attributes:
        state: What is known of each; it is multiplied with the vectors of items.
        asked: Which are asked about, all of them events.
        item: The vectors of their items.
        rows: Table rows of the fields of these.
        real: Where there is an event.
    """

    state: Float[Tensor, "b h width"]
    asked: Bool[Tensor, "b h"]
    item: Float[Tensor, "b h width"]
    rows: Int[Tensor, "b h fi"]
    real: Bool[Tensor, "b h"]


def pairs_with_event_before(
    state: Float[Tensor, "b h width"], item: Float[Tensor, "b h width"], inputs: Inputs
) -> Foretold:
    """Return the events of a batch, each with the state after the event before it.

    The first of a history has none, and is not asked about.

    Args:
        state: After each event, the latest first.
        item: The vectors of items.
        inputs: The batch.
    """
    # The event before stands a place behind.
    first = torch.zeros_like(inputs.real_step[:, :1])
    has_one = torch.cat([inputs.real_step[:, 1:], first], dim=1)
    return Foretold(state.roll(-1, 1), has_one, item, inputs.step, inputs.real_step)


def discrimination_loss(known: Foretold) -> Float[Tensor, ""]:
    """Return the loss of telling the item of each event from another by a state.

    The other is the item of the same place of another request of the batch, where that
    is another item. The mean is over the places that are asked about; 0 if none is.

    Source:
        Zhou et al., "Deep Interest Evolution Network for Click-Through Rate
        Prediction", AAAI 2019, the auxiliary loss.
    """
    state, item, rows = known.state, known.item, known.rows
    differs = (rows.roll(1, 0) != rows).any(dim=2)
    other = (differs & known.real.roll(1, 0)).to(item.dtype)
    yes, no = ((state * one).sum(dim=2) for one in (item, item.roll(1, 0)))
    loss = nn.functional.softplus(-yes) + nn.functional.softplus(no) * other
    count = known.asked.to(item.dtype)
    return (loss * count).sum() / count.sum().clamp(min=1)
