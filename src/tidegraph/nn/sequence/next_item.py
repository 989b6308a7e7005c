"""Losses beside that of clicks: which items a history is made of."""

from typing import Any, NamedTuple, cast

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
        predicted: Which are predicted, all of them events.
        item: The vectors of their items.
        rows: Table rows of the fields of these.
        real: Where there is an event.
    """

    state: Float[Tensor, "b h width"]
    predicted: Bool[Tensor, "b h"]
    item: Float[Tensor, "b h width"]
    rows: Int[Tensor, "b h fi"]
    real: Bool[Tensor, "b h"]


def pairs_with_event_before(
    state: Float[Tensor, "b h width"], item: Float[Tensor, "b h width"], inputs: Inputs
) -> Foretold:
    """Return the events of a batch, each with the state after the event before it.

    The first of a history has none, and is not predicted.

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

    Each has one other, drawn by ``draw_other_events``. The mean is over the events that
    are predicted and have one; 0 if none has.

    Source:
        Zhou et al., "Deep Interest Evolution Network for Click-Through Rate
        Prediction", AAAI 2019, the auxiliary loss.
    """
    predicted, other = draw_other_events(known)
    state, item = known.state.flatten(0, 1)[predicted], known.item.flatten(0, 1)
    yes, no = ((state * item[place]).sum(dim=1) for place in (predicted, other))
    loss = nn.functional.softplus(-yes) + nn.functional.softplus(no)
    return loss.sum() / max(len(predicted), 1)


def draw_other_events(known: Foretold) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """Return the events that are predicted, and for each one of another item.

    The other is an event of the batch, each as likely, of an item that is told apart by
    the fields that have vectors; an event from which no other differs is left out.
    Events are given by their places among all of the batch, history after history.

    Args:
        known: The events.
    """
    place = known.real.flatten().nonzero()[:, 0]
    kind = _number_rows(known.rows.flatten(0, 1)[place])
    count = kind.bincount()
    others = len(place) - count[kind]
    one = (known.predicted.flatten()[place] & (others > 0)).nonzero()[:, 0]
    # Sorted by kind, the others of an event begin behind its own kind and go round.
    order, stop = kind.argsort(stable=True), count.cumsum(0)
    draw = (torch.rand(len(one), device=place.device) * others[one]).long()
    return place[one], place[order[(stop[kind[one]] + draw) % max(len(place), 1)]]


def _unique(values: Int[Tensor, " n"]) -> tuple[Tensor, Tensor]:
    return cast(Any, values).unique(return_inverse=True)


def _number_rows(rows: Int[Tensor, "n f"]) -> Int[Tensor, " n"]:
    """Return a number of each row, the same of rows that are alike."""
    number = rows.new_zeros(len(rows))
    # Field by field: torch takes a hundred times as long for whole rows.
    for field in rows.T:
        _, value = _unique(field)
        _, number = _unique(number * len(rows) + value)
    return number
