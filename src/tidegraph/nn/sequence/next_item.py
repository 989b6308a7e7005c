"""Losses beside that of clicks: which items a history is made of."""

from jaxtyping import Bool, Float

from tidegraph.extras import needed
from tidegraph.nn.inputs import Inputs
from tidegraph.nn.sequence.history import HistoryVectors

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


def next_item_loss(
    state: Float[Tensor, "b h width"], vectors: HistoryVectors, inputs: Inputs
) -> Float[Tensor, ""]:
    """Return the loss of telling the item of the next event by the state before it.

    The mean is over events that have a next one; 0 if none has.

    Args:
        state: Of each event, the latest first.
        vectors: Those of items; the state is multiplied with them.
        inputs: The batch.

    Source:
        Zhou et al., "Deep Interest Evolution Network for Click-Through Rate
        Prediction", AAAI 2019, the auxiliary loss.
    """
    # The event before stands a place behind; the first has none.
    first = torch.zeros_like(inputs.real_step[:, :1])
    has_one = torch.cat([inputs.real_step[:, 1:], first], dim=1)
    return told_apart(state.roll(-1, 1), has_one, vectors, inputs)


def told_apart(
    state: Float[Tensor, "b h width"],
    asked: Bool[Tensor, "b h"],
    vectors: HistoryVectors,
    inputs: Inputs,
) -> Float[Tensor, ""]:
    """Return the loss of telling the item of each place from another by a state.

    The other is the item of the same place of another request of the batch, where that
    is another item. The mean is over the places that are asked about; 0 if none is.

    Args:
        state: What is known of each place; it is multiplied with the vectors of items.
        asked: Which places are asked about, all of them events.
        vectors: Those of items.
        inputs: The batch.
    """
    item = vectors.items(inputs)
    differs = (inputs.step.roll(1, 0) != inputs.step).any(dim=2)
    other = (differs & inputs.real_step.roll(1, 0)).to(item.dtype)
    yes, no = ((state * one).sum(dim=2) for one in (item, item.roll(1, 0)))
    loss = nn.functional.softplus(-yes) + nn.functional.softplus(no) * other
    count = asked.to(item.dtype)
    return (loss * count).sum() / count.sum().clamp(min=1)
