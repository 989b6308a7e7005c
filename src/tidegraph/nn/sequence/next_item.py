"""A loss beside that of clicks: which item a history goes on with."""

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.inputs import Inputs
from tidegraph.nn.sequence.history import HistoryVectors, real

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


def next_item_loss(
    state: Float[Tensor, "b h width"], vectors: HistoryVectors, inputs: Inputs
) -> Float[Tensor, ""]:
    """Return the loss of telling the item of the next event by the state before it.

    Against it stands the item of the same place of another request of the batch, where
    that is another item. The mean is over events that have a next one; 0 if none has.

    Args:
        state: Of each event, the latest first.
        vectors: Those of items; the state is multiplied with them.
        inputs: The batch.

    Source:
        Zhou et al., "Deep Interest Evolution Network for Click-Through Rate
        Prediction", AAAI 2019, the auxiliary loss.
    """
    item, there = vectors.items(inputs), real(inputs)
    before, has_next = state[:, 1:], there[:, 1:]
    other = (inputs.step.roll(1, 0) != inputs.step).any(dim=2) * there.roll(1, 0)
    yes = (before * item[:, :-1]).sum(dim=2)
    no = (before * item.roll(1, 0)[:, :-1]).sum(dim=2)
    loss = nn.functional.softplus(-yes) + nn.functional.softplus(no) * other[:, :-1]
    return (loss * has_next).sum() / has_next.sum().clamp(min=1)
