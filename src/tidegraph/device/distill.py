"""MoMoDistill: what the cloud learns of its devices, for its model and its patches."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int64

from tidegraph.arguments import settings
from tidegraph.device.fleet import losses, over
from tidegraph.device.patch import Patched
from tidegraph.device.personalise import (
    LocalSteps,
    loss_of,
    profile_of,
    steps,
)
from tidegraph.device.rows import FleetRows, Rows
from tidegraph.extras import needed
from tidegraph.kernels.ragged import owners
from tidegraph.ranges import above, at_least
from tidegraph.run import Run
from tidegraph.training.loop import train
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training
from tidegraph.training.weights import shuffled, tensor

with needed("torch", "neural", "a neural network"):
    import torch
    import torch.nn.functional as F
    from torch import Tensor
    from torch.func import vmap


def _training(epochs: int, batch_size: int, learning_rate: float) -> Training:
    return Training(epochs, batch_size, AdamW(learning_rate, 0.0), patience=3)


@settings
class MoMoDistill:
    """How the cloud learns from devices.

    Attributes:
        beta: What staying close to the devices' own models counts beside the rows
            themselves; 0 does without teachers.
        cap: Most that the rows of one device count together.
        model: How the model is trained, on rows; it stays as it is if none.
        patches: How bases and start are trained, on devices.

    Source:
        Chu et al., "Graph Neural Networks in Modern Recommender Systems", section
        19.3; Yao et al., "Device-Cloud Collaborative Learning for Recommendation",
        KDD 2021, section 3.2. Departs: of the model only the tower learns, so that
        what devices hold of the trunk stays true; a teacher counts only where it told
        events that it had not seen better than the model did.
    """

    beta: float = 0.5
    cap: float = 200.0
    model: Training | None = field(default_factory=lambda: _training(3, 1024, 1e-3))
    patches: Training = field(default_factory=lambda: _training(20, 16, 1e-2))

    def __post_init__(self) -> None:
        at_least("MoMoDistill", 0, beta=self.beta)
        above("MoMoDistill", 0, cap=self.cap)


class Teachers(NamedTuple):
    """What devices' own models say of their rows.

    Attributes:
        probability: Of an action, for each row.
        trusted: 1 for the rows of a device whose model counts, 0 for others.
    """

    probability: Float32[np.ndarray, " n"]
    trusted: Float32[np.ndarray, " n"]


def teachers(
    head: Patched,
    theta: Float32[np.ndarray, "d theta"],
    fleet: FleetRows,
    unseen: FleetRows,
) -> Teachers:
    """Return what the devices' models say of their rows, and which of them count.

    Args:
        head: Tower and bases that every theta was learnt under.
        theta: The devices' numbers.
        fleet: The rows to be learnt from.
        unseen: Rows that no theta was learnt from; a device without any has no say.
    """
    likely = np.zeros(len(fleet.time), np.float32)
    for devices, found in over(fleet, partial(_likely, head), (theta,)):
        for device, said in zip(devices, found[0], strict=True):
            some = slice(int(fleet.ptr[device]), int(fleet.ptr[device + 1]))
            likely[some] = said[: some.stop - some.start]
    judged = losses(head, theta, unseen)
    better = (judged.own < judged.model) & (judged.weight > 0)
    return Teachers(likely, better[owners(fleet.ptr)].astype(np.float32))


def _likely(head: Patched, theta: Tensor, rows: Rows) -> tuple[Tensor, ...]:
    return (torch.sigmoid(head(rows.x, rows.offset, theta)),)


def divergence(
    teacher: Float[Tensor, " n"], logit: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """Return KL(teacher || student) of each row, of yes and no.

    Args:
        teacher: Probability of an action.
        logit: The student's.
    """
    teacher = teacher.clamp(1e-6, 1 - 1e-6)
    sure = teacher * teacher.log() + (1 - teacher) * (1 - teacher).log()
    return F.softplus(logit) - teacher * logit + sure


def model_loss(
    logit: Float[Tensor, " n"],
    label: Float[Tensor, " n"],
    weight: Float[Tensor, " n"],
    teacher: Float[Tensor, " n"],
    trusted: Float[Tensor, " n"],
    beta: float,
) -> Float[Tensor, ""]:
    """Return the loss of the model on rows of devices.

    Args:
        logit: The model's.
        label: What happened.
        weight: How much each row counts.
        teacher: Probability of an action by the device's own model, as it was.
        trusted: Does the teacher count?
        beta: What the teacher counts.

    Source:
        Eq 19.18: the log loss plus beta times KL, over the samples of all devices.
        Departs: KL of the teacher from the student, which alone has a gradient.
    """
    each = F.softplus(logit) - label * logit
    each = each + beta * trusted * divergence(teacher, logit)
    return (each * weight).sum() / weight.sum().clamp(min=1e-9)


def distilled(
    head: Patched,
    fleet: FleetRows,
    taught: Teachers | None,
    valid: FleetRows,
    settings: MoMoDistill,
    run: Run,
) -> Patched:
    """Return a head whose tower has learnt from the rows of devices and their models.

    Args:
        head: Tower and bases so far, which stay as they are.
        fleet: Rows of devices.
        taught: What their models say; none before any has learnt.
        valid: Rows of other devices, which decide when to stop.
        settings: How to learn.
        run: In what circumstances.
    """
    new = copy.deepcopy(head).requires_grad_(False)
    if settings.model is None:
        return new
    new.f.requires_grad_(True)
    rows = len(fleet.time)
    if taught is None:
        taught = Teachers(np.zeros(rows, np.float32), np.zeros(rows, np.float32))
    batch, weight = settings.model.batch_size, capped(fleet, settings.cap)
    task = _Model(new, fleet.rows, weight, taught, valid.rows, settings.beta, batch)
    train(task, settings.model, run)
    return new.requires_grad_(False)


def with_patches(
    head: Patched,
    theta: Float32[np.ndarray, "d theta"],
    fleet: FleetRows,
    taught: Teachers | None,
    valid: FleetRows,
    local: LocalSteps,
    settings: MoMoDistill,
    run: Run,
) -> Patched:
    """Return a head whose bases and start have learnt from the rows of devices.

    Args:
        head: Tower and bases so far, which stay as they are.
        theta: The numbers of the devices so far; 0 for one without.
        fleet: Rows of devices.
        taught: What their models say; none before any has learnt.
        valid: Rows of other devices, which decide when to stop.
        local: How devices will learn under the bases.
        settings: How to learn.
        run: In what circumstances.
    """
    new = copy.deepcopy(head)
    new.requires_grad_(True)
    new.f.requires_grad_(False)
    task = _Patches(new, theta, fleet, taught, valid, local, settings)
    train(task, settings.patches, run)
    return new.requires_grad_(False)


class _Sample(NamedTuple):
    x: Tensor
    offset: Tensor
    label: Tensor
    weight: Tensor
    teacher: Tensor
    trusted: Tensor


@dataclass(frozen=True, eq=False)
class _Model:
    """The task of the model: tell the rows of all devices, near to their own models."""

    module: Patched
    rows: Rows
    weight: Tensor
    taught: Teachers
    valid: Rows
    beta: float
    batch_size: int
    unit: str = "rows"

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[_Sample]:
        parts = (*self.rows[:3], self.weight, *map(tensor, self.taught))
        for some in shuffled(len(self.weight), self.batch_size, rng):
            yield _Sample(*(part[tensor(some)] for part in parts))

    def loss(self, batch: _Sample) -> Tensor:
        logit = self.module.plain(batch.x, batch.offset)
        return model_loss(logit, *batch[2:], self.beta)

    def validate(self) -> float:
        if not len(self.valid.label):
            return float("nan")
        logit = self.module.plain(self.valid.x, self.valid.offset)
        return -float(loss_of(logit, self.valid))


def capped(fleet: FleetRows, cap: float) -> Float[Tensor, " n"]:
    """Return how much each row counts, if no device's count more than so much."""
    weight = fleet.rows.weight.numpy()
    owner = owners(fleet.ptr)
    total = np.bincount(owner, weight, minlength=len(fleet))
    share = np.minimum(1, cap / np.maximum(total, 1e-9)).astype(np.float32)
    return tensor(weight * share[owner])


class _Devices(NamedTuple):
    """Some devices side by side.

    Attributes:
        theta: The numbers of each so far.
        early: What they learn from.
        late: What their models are judged on.
        taught: The same rows: what their teachers say, as label, and what that counts.
    """

    theta: Tensor
    early: Rows
    late: Rows
    taught: Rows


def _said(fleet: FleetRows, taught: Teachers | None) -> FleetRows:
    """Return what teachers say of rows as these rows' labels, without the rows' x."""
    rows = fleet.rows
    likely, trusted = rows.label, torch.zeros_like(rows.weight)
    if taught is not None:
        likely, trusted = (tensor(part) for part in taught)
    said = rows._replace(x=rows.x[:, :0], label=likely, weight=trusted * rows.weight)
    return FleetRows(fleet.ptr, said, fleet.time)


@dataclass(frozen=True, eq=False)
class _Patches:
    """The task of bases and start: what a device learns early shall serve it late."""

    module: Patched
    theta: Float32[np.ndarray, "d theta"]
    fleet: FleetRows
    taught: Teachers | None
    valid: FleetRows
    local: LocalSteps
    settings: MoMoDistill
    unit: str = "devices"

    @cached_property
    def parts(self) -> tuple[FleetRows, FleetRows, FleetRows]:
        said = _said(self.fleet, self.taught).parted()[1]
        return (*self.fleet.parted(), said)

    @cached_property
    def judges(self) -> tuple[FleetRows, FleetRows, FleetRows]:
        # What is judged is what happened, whatever teachers say of it.
        return (*self.valid.parted(), _said(self.valid, None).parted()[1])

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[_Devices]:
        late = np.flatnonzero(self.parts[1].counts)
        for some in shuffled(len(late), self.settings.patches.batch_size, rng):
            yield self._batch(late[some], self.theta, self.parts)

    def _batch(
        self,
        devices: Int64[np.ndarray, " e"],
        theta: Float32[np.ndarray, "d theta"],
        parts: tuple[FleetRows, FleetRows, FleetRows],
    ) -> _Devices:
        early, late, taught = (part.side_by_side(devices) for part in parts)
        total = late.weight.sum(dim=1, keepdim=True).clamp(min=1e-9)
        share = (self.settings.cap / total).clamp(max=1)
        late, taught = (
            part._replace(weight=part.weight * share) for part in (late, taught)
        )
        return _Devices(tensor(theta[devices]), early, late, taught)

    def loss(self, batch: _Devices) -> Tensor:
        """Return the loss of devices' own models on what they have not learnt from.

        Source:
            Eq 19.20: the log loss plus beta times KL on the samples of all devices,
            each under the patches of ``U(theta, u)``, over bases and start. Departs: a
            device takes its steps from there first, which themselves have no gradient
            (first order), and the loss is that of later rows than those of its steps
            and its profile.
        """
        head = self.module
        start = head.start(batch.theta, vmap(profile_of)(batch.early))
        with torch.no_grad():
            end = vmap(self._learnt)(start, batch.early)
        theta = start + (end - start).detach()
        late = batch.late
        logit = vmap(head)(late.x, late.offset, theta)
        flat = Rows(late.x.flatten(0, 1), *(part.flatten() for part in late[1:]))
        said = divergence(batch.taught.label.flatten(), logit.flatten())
        near = (said * batch.taught.weight.flatten()).sum()
        near = near / flat.weight.sum().clamp(min=1e-9)
        return loss_of(logit.flatten(), flat) + self.settings.beta * near

    def _learnt(self, theta: Tensor, rows: Rows) -> Tensor:
        return steps(self.module, theta, rows, self.local)[0]

    def validate(self) -> float:
        late = np.flatnonzero(self.judges[1].counts)
        if not len(late):
            return float("nan")
        none = np.zeros((len(self.valid), self.module.theta), np.float32)
        total = weight = 0.0
        # Steps need gradients, which the loop's inference mode has none of.
        with torch.inference_mode(False), torch.no_grad():
            for start in range(0, len(late), 256):
                batch = self._batch(late[start : start + 256], none, self.judges)
                counts = float(batch.late.weight.sum())
                total, weight = (
                    total + counts * float(self.loss(batch)),
                    weight + counts,
                )
        return -total / weight
