"""Personalisation: a device learns its theta from its own rows, and nothing else."""

from dataclasses import dataclass

from jaxtyping import Bool, Float

from tidegraph.arguments import settings
from tidegraph.device.patch import LITTLE, Patched, project_to_ball
from tidegraph.device.rows import Rows
from tidegraph.extras import needed
from tidegraph.ranges import above, at_least

with needed("torch", "neural", "a neural network"):
    import torch
    import torch.nn.functional as F
    from torch import Tensor
    from torch.func import grad_and_value

SUREST = 1e-3
"""A share of actions is taken to be no nearer to none, or to all."""


@settings
class LocalSteps:
    """How a device learns from its own rows.

    Attributes:
        steps: How many steps down the gradient, each over all rows.
        learning_rate: Length of a step for a gradient of length 1.
        clip: Largest length of the gradient that a step takes.
        correct: Leave how often this user acts at all out of what is learnt.
        prior: How strongly theta is held to 0, which is the model of all: 1 as far as
            the cloud has seen users differ, more for less, and 0 not at all. Few rows
            leave it near, many carry it where they want it.
    """

    steps: int = 30
    learning_rate: float = 0.1
    clip: float = 1.0
    correct: bool = True
    prior: float = 1.0

    def __post_init__(self) -> None:
        at_least("LocalSteps", 0, steps=self.steps, prior=self.prior)
        above("LocalSteps", 0, learning_rate=self.learning_rate, clip=self.clip)

    def precision(self, head: Patched) -> float:
        """Return what holds theta to 0, in rows whose loss bends by 1."""
        return self.prior / head.spread**2


def loss_of(logit: Float[Tensor, " n"], rows: Rows) -> Float[Tensor, ""]:
    """Return the mean log loss of the rows of a device.

    Args:
        logit: Of each row.
        rows: What happened.

    Source:
        Eq 19.16: the loss of a device's own model on its own samples.
    """
    each = F.softplus(logit) - rows.label * logit
    return (each * rows.weight).sum() / rows.weight.sum().clamp(min=1e-9)


def local_step(
    head: Patched,
    theta: Float[Tensor, " theta"],
    rows: Rows,
    lr: Float[Tensor, ""] | float,
    clip: float = LocalSteps.clip,
) -> tuple[Float[Tensor, " theta"], Float[Tensor, ""]]:
    """Return theta after one step, and the loss before it.

    Args:
        head: The tower and its metapatches, which stay as they are.
        theta: The device's numbers.
        rows: What it learns from.
        lr: Length of the step for a gradient of length 1.
        clip: Largest length of the gradient.
    """
    return step_from(head, head.below(rows.x), theta, rows, lr, clip)


def step_from(
    head: Patched,
    state: Float[Tensor, "n wide"],
    theta: Float[Tensor, " theta"],
    rows: Rows,
    lr: Float[Tensor, ""] | float,
    clip: float = LocalSteps.clip,
) -> tuple[Float[Tensor, " theta"], Float[Tensor, ""]]:
    """Return the same as ``step``; what is below the first patch is at hand.

    Source:
        Eq 19.17: a device's loss is made small over theta alone. Departs: the gradient
        is clipped, and theta projected into its ball.
    """

    def lost(numbers: Tensor) -> Tensor:
        return loss_of(head.above(state, rows.offset, numbers), rows)

    gradient, loss = grad_and_value(lost)(theta)
    length = gradient.square().sum().clamp(min=clip**2).sqrt()
    return project_to_ball(theta - lr * (clip / length) * gradient, head.radius), loss


def begin_no_worse(
    head: Patched,
    state: Float[Tensor, "n wide"],
    theta: Float[Tensor, " theta"],
    rows: Rows,
) -> Float[Tensor, " theta"]:
    """Return theta, or a little of it if the model of all tells the rows better.

    Not 0, where only the shift of a patch has a gradient.

    Args:
        head: The tower and its metapatches.
        state: What ``head.below`` says of the rows.
        theta: Where the device would begin.
        rows: What it learns from.
    """
    own, none = (
        loss_of(head.above(state, rows.offset, numbers), rows)
        for numbers in (theta, torch.zeros_like(theta))
    )
    return torch.where(own > none, LITTLE * theta, theta)


def offset_for_activity(head: Patched, rows: Rows) -> Rows:
    """Return rows whose offset says how much more or less often this user acts.

    What a device keeps may hold more or fewer actions than what the model learnt from.
    A patch that has to make up for that learns the user's rate and forgets the order
    of items; with the rate in the offset it learns the order alone.

    Source:
        Ding et al., "On-Device Model Fine-Tuning with Label Correction in Recommender
        Systems", arXiv 2211.01163, section 3. Departs: the logit is moved by the log
        of the ratio of the odds, where the source changes labels.
    """
    total = rows.weight.sum().clamp(min=1e-9)
    likely = torch.sigmoid(head.plain(rows.x, rows.offset))
    rates = [(rows.weight * part).sum() / total for part in (rows.label, likely)]
    here, model = (torch.logit(rate.clamp(SUREST, 1 - SUREST)) for rate in rates)
    return rows._replace(offset=rows.offset + (here - model))


def profile_of(rows: Rows) -> Float[Tensor, " width"]:
    """Return what is known of a user: what was acted on, less what was not.

    The mean of ``x`` over the rows acted on less that over the others; 0 where there
    is none of either.
    """
    yes, no = rows.weight * rows.label, rows.weight * (1 - rows.label)
    liked, other = (
        (part[:, None] * rows.x).sum(dim=0) / part.sum().clamp(min=1e-9)
        for part in (yes, no)
    )
    return (liked - other) * learnable(rows)


def learnable(rows: Rows) -> Bool[Tensor, ""]:
    """Return whether there is something to learn: an action, and another row."""
    there = rows.weight > 0
    yes = (there & (rows.label > 0)).any()
    return yes & (there & (rows.label < 1)).any()


def why_not(rows: Rows) -> str | None:
    """Return why a device takes no step, or none if it does."""
    there = rows.weight > 0
    count = int(there.sum())
    if count < 2:
        what = "one event" if count else "no events"
        return f"no step was taken: the device has {what}, and that teaches no order."
    if not bool(learnable(rows)):
        what = "acted on" if bool(rows.label[there][0] > 0) else "passed over"
        return (
            f"no step was taken: all {count} items of the device were {what}, so "
            "nothing tells them apart."
        )
    return None


@dataclass(frozen=True, eq=False)
class Personalised:
    """What a device has learnt.

    Attributes:
        theta: Its numbers.
        before: The loss of its rows where it began; nan where no step was taken.
        after: That under ``theta``.
        why_not: Why no step was taken, if none was.
    """

    theta: Float[Tensor, " theta"]
    before: float
    after: float
    why_not: str | None = None


def personalise(
    head: Patched,
    theta: Float[Tensor, " theta"],
    rows: Rows,
    local: LocalSteps | None = None,
) -> Personalised:
    """Return what one device learns from its rows.

    Args:
        head: The tower and its metapatches.
        theta: Where the device begins.
        rows: What it keeps.
        local: How it learns.
    """
    local = LocalSteps() if local is None else local
    reason = why_not(rows)
    if reason is not None:
        return Personalised(theta, float("nan"), float("nan"), reason)
    with torch.no_grad():
        theta, before, after = local_steps(head, theta, rows, local)
    return Personalised(theta, float(before), float(after))


def local_steps(
    head: Patched, theta: Float[Tensor, " theta"], rows: Rows, local: LocalSteps
) -> tuple[Float[Tensor, " theta"], Float[Tensor, ""], Float[Tensor, ""]]:
    """Return theta after all steps, and the losses where it began and where it ended.

    Theta stays where it is if there is nothing to learn from; no branch depends on a
    value, so that many devices can learn at once.

    Source:
        Eq 19.17. Departs: theta goes to the likeliest one after the rows, of a normal
        prior around 0. Each step ends with the prior's, a proximal one (Parikh & Boyd,
        2014, 4.2), by which a strong prior overshoots nothing.
    """
    learns = learnable(rows)
    rows = offset_for_activity(head, rows) if local.correct else rows
    state = head.below(rows.x)
    begin = begin_no_worse(head, state, theta, rows)
    now, before = begin, None
    pull = local.learning_rate * local.precision(head)
    pull = pull / rows.weight.sum().clamp(min=1e-9)
    for _ in range(local.steps):
        now, lost = step_from(head, state, now, rows, local.learning_rate, local.clip)
        now = now / (1 + pull)
        before = lost if before is None else before
    now = torch.where(learns, now, theta)
    after = loss_of(head.above(state, rows.offset, now), rows)
    return now, after if before is None else before, after
