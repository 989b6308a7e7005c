"""Bases in closed form: in which directions the tastes of devices differ, how far.

A device's own model is, to the first order, the model of all and a logistic regression
of what reaches the junctions. Of the weights of such regressions the devices share a
prior, whose covariance is learnt of all of them: the bases are its widest directions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Float, Float64

from tidegraph.device.patch import Patched
from tidegraph.device.personalise import learnable, offset_for_activity
from tidegraph.device.rows import FleetRows, Rows
from tidegraph.extras import needed
from tidegraph.training.threads import threads
from tidegraph.training.weights import tensor

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor
    from torch.func import vmap
    from torch.nn.functional import softplus

ROUNDS, STEPS = 20, 2
"""Rounds of expectation and maximisation, and steps of Newton's method in each."""
FIRST = 1 / 30
"""Variance of a regression's weight before anything is known."""
NARROW = 0.5
"""Deviation of what enters a bottleneck's bend, so that it is hardly bent."""
MOST = 500
"""Devices that the covariance is learnt of, where there are more."""
TINY = 1e-6
HALVINGS = 20
"""Most times that a step of Newton's method is halved, which then is next to none."""


class _Block(NamedTuple):
    """Some devices side by side; what is not there weighs 0."""

    x: Float[Tensor, "d n width"]
    offset: Float[Tensor, "d n"]
    label: Float[Tensor, "d n"]
    weight: Float[Tensor, "d n"]


@dataclass(frozen=True, eq=False)
class _Scale:
    """Brings the outputs of a junction to mean 0 and deviation 1."""

    mean: Float[Tensor, " width"]
    deviation: Float[Tensor, " width"]

    @classmethod
    def of(cls, state: Float[Tensor, "n width"]) -> "_Scale":
        deviation = state.std(dim=0, unbiased=False)
        return cls(state.mean(dim=0), deviation.clamp(min=0.01))

    def __call__(self, state: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        return (state - self.mean) / self.deviation


def fit_bases(head: Patched, fleet: FleetRows, rng: np.random.Generator) -> None:
    """Put bases in place by which devices tell their rows best, each after learning.

    Number j of theta is the weight of what unit j of the bottlenecks reads, and theta
    of a device is drawn of a normal distribution whose deviation is ``head.spread``.
    Numbers beyond the rank do nothing. Where no device has anything to learn from, and
    where what is found is no number, bases stay as they are.

    Args:
        head: The tower and its metapatches, which are changed.
        fleet: Rows of devices.
        rng: Draws devices, where there are many.

    Source:
        Eq 19.15 and Eq 19.20: bases that make the loss of devices' own models small.
        Departs: a device's own model is that after its learning, not that at ``U``;
        theta is integrated out (expectation and maximisation with Laplace's
        approximation; Bishop, 2006, 4.5 and 9.4), since bases that are learnt with
        thetas of few rows learn these rows by heart.
    """
    able = np.flatnonzero(fleet.counts > 1)
    if len(able) > MOST:
        able = np.sort(rng.choice(able, MOST, replace=False))
    if not len(able):
        return
    some = fleet.at(able)
    with threads(1), torch.no_grad():
        states = head.states(some.rows.x)
        scales = {place: _Scale.of(state) for place, state in states.items()}
        covariance = _covariance(head, some, scales)
        if covariance is None:
            return
        values, vectors = np.linalg.eigh(covariance[:-1, :-1])
        values, vectors = values[::-1].clip(min=0), vectors[:, ::-1]
        first = 0
        for place, state in states.items():
            part = vectors[first : first + state.shape[1], : head.rank]
            first += state.shape[1]
            lift = _lift(head, place, state)
            _write(head, place, scales[place](state), scales[place], part, values, lift)


def _covariance(
    head: Patched, fleet: FleetRows, scales: dict[str, _Scale]
) -> Float64[np.ndarray, "w w"] | None:
    """Return that of the devices' regressions, whose last weight is of a 1.

    None where no device has anything to learn from, or numbers are none any more.
    """
    blocks = list[_Block]()
    for block in fleet.blocks():
        some = vmap(learnable)(block.rows)
        rows = Rows(*(part[some] for part in block.rows))
        if not len(rows.label):
            continue
        rows = vmap(partial(offset_for_activity, head))(rows)
        logit = vmap(head.plain)(rows.x, rows.offset)
        found = head.states(rows.x.flatten(0, 1)).items()
        parts = [scales[place](state) for place, state in found]
        x = torch.cat([*parts, torch.ones_like(parts[0][:, :1])], dim=1)
        shape = *rows.label.shape, -1
        blocks.append(_Block(x.view(shape), logit, rows.label, rows.weight))
    if not blocks:
        return None
    width = blocks[0].x.shape[-1]
    covariance = FIRST * torch.eye(width, dtype=torch.double)
    weights = [torch.zeros(len(b.label), width, dtype=torch.double) for b in blocks]
    for _ in range(ROUNDS):
        precision = _inverse(covariance + TINY * torch.eye(width))
        total, many = torch.zeros_like(covariance), 0
        for n, block in enumerate(blocks):
            weights[n], curve = _newton(block, weights[n], precision)
            total += weights[n].T @ weights[n] + _inverse(curve).sum(dim=0)
            many += len(weights[n])
        covariance = total / many
        if not bool(covariance.isfinite().all()):
            return None
    return covariance.numpy()


def _inverse(matrix: Float[Tensor, "*d w w"]) -> Float[Tensor, "*d w w"]:
    return cast(Tensor, torch.linalg.inv(matrix))  # pyright: ignore[reportUnknownMemberType]


def _solution(
    matrix: Float[Tensor, "*d w w"], side: Float[Tensor, "*d w"]
) -> Float[Tensor, "*d w"]:
    return cast(Tensor, torch.linalg.solve(matrix, side))  # pyright: ignore[reportUnknownMemberType]


def _newton(
    block: _Block,
    weight: Float[Tensor, "d width"],
    precision: Float[Tensor, "width width"],
) -> tuple[Float[Tensor, "d width"], Float[Tensor, "d width width"]]:
    """Return the likeliest weights of devices, and the curvature there."""
    x, offset, label, there = (part.double() for part in block)
    curve = precision.expand(len(weight), -1, -1)
    for _ in range(STEPS):
        likely = torch.sigmoid(offset + torch.einsum("dnw,dw->dn", x, weight))
        slope = torch.einsum("dn,dnw->dw", there * (label - likely), x)
        steep = (there * likely * (1 - likely))[..., None] * x
        curve = x.mT @ steep + precision
        step = _solution(curve, slope - weight @ precision)
        weight = weight + _shortened(step, partial(_lost, block, precision), weight)
    return weight, curve


def _lost(
    block: _Block,
    precision: Float[Tensor, "width width"],
    weight: Float[Tensor, "d width"],
) -> Float[Tensor, " d"]:
    """Return of each device what its rows and the prior say against its weights."""
    x, offset, label, there = (part.double() for part in block)
    logit = offset + torch.einsum("dnw,dw->dn", x, weight)
    wrong = there * softplus((1 - 2 * label) * logit)
    return wrong.sum(dim=1) + 0.5 * ((weight @ precision) * weight).sum(dim=1)


def _shortened(
    step: Float[Tensor, "d width"],
    lost: Callable[[Float[Tensor, "d width"]], Float[Tensor, " d"]],
    weight: Float[Tensor, "d width"],
) -> Float[Tensor, "d width"]:
    """Return steps, halved until they make nothing worse.

    Newton's steps go too far where labels are nearly told apart: one such device would
    take the covariance of all with it.
    """
    before = lost(weight)
    for _ in range(HALVINGS):
        # Also where the loss is no number any more.
        worse = ~(lost(weight + step) <= before + TINY)
        if not bool(worse.any()):
            return step
        step = step.where(~worse[:, None], step / 2)
    return step


def _lift(
    head: Patched, place: str, state: Float[Tensor, "n width"]
) -> Float[Tensor, " width"]:
    """Return by what the output of a junction is moved for a logit that is 1 more.

    Rows differ in how: it is the step by which they miss that least, by least squares.
    """
    with torch.enable_grad():
        given = state.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(head.logit_of(place, given).sum(), given)
    slope = slope.double()
    square = slope.T @ slope / len(slope)
    square += 0.01 * square.diagonal().mean().clamp(min=TINY) * torch.eye(len(square))
    return _solution(square, slope.mean(dim=0))


def _write(
    head: Patched,
    place: str,
    scaled: Float[Tensor, "n width"],
    scale: _Scale,
    directions: Float64[np.ndarray, "width r"],
    variance: Float64[np.ndarray, " w"],
    lift: Float[Tensor, " width"],
) -> None:
    """Make the patch of a junction read directions, and theta say how much of each."""
    rank, width = head.rank, len(lift)
    many = min(directions.shape[1], head.theta)
    axes = tensor(directions[:, :many].copy())
    reads = scaled.double() @ axes
    narrow = NARROW / reads.std(dim=0, unbiased=False).clamp(min=TINY)
    down = torch.zeros(rank, width, dtype=torch.double)
    down[:many] = (axes * narrow).T / scale.deviation
    read = torch.cat([down.flatten(), -(down @ scale.mean.double())])
    up = torch.zeros(width, rank, head.theta, dtype=torch.double)
    gain = tensor(np.sqrt(variance[:many])) / narrow / head.spread
    for unit in range(many):
        up[:, unit, unit] = lift * gain[unit]
    basis = head.bases[place]
    basis.zero_()
    basis[len(read) : len(read) + up[..., 0].numel()] = up.flatten(0, 1).to(basis.dtype)
    head.reads[place].copy_(read)
