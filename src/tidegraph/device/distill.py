"""MoMoDistill: what the cloud learns of its devices, for its model and its patches."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32

from tidegraph.arguments import settings
from tidegraph.device.fleet import losses, over
from tidegraph.device.patch import Patched
from tidegraph.device.personalise import loss_of
from tidegraph.device.privacy import Private
from tidegraph.device.rows import FleetRows, Rows
from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.kernels.ragged import owners
from tidegraph.ranges import above, at_least
from tidegraph.run import Run
from tidegraph.training.loop import train
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training
from tidegraph.training.task import least_if_nan
from tidegraph.training.weights import shuffled_batches, tensor

with needed("torch", "neural", "a neural network"):
    import torch
    import torch.nn.functional as F
    from torch import Tensor


@settings
class MoMoDistill:
    """How the cloud learns from devices.

    Attributes:
        beta: What staying close to the devices' own models counts beside the rows
            themselves; 0 does without teachers.
        cap: Most that the rows of one device count together; as many as it keeps if
            none.
        model: How the model is trained, on rows; it stays as it is if none.
        patches: How bases and start are trained, on devices.
        private: Let bases and start tell of no single device; the model then does not
            learn from devices at all, so ``model`` is none.
        learns: What of the model: the whole ``network``, or its ``tower`` alone, by
            which what enters the tower stays true and new weights are few.

    Source:
        Chu et al., "Graph Neural Networks in Modern Recommender Systems", section
        19.3; Yao et al., "Device-Cloud Collaborative Learning for Recommendation",
        KDD 2021, section 3.2. Departs: a teacher counts only where it told events
        that it had not seen better than the model did.
    """

    beta: float = 0.5
    cap: float | None = None
    model: Training | None = field(
        # A round is short, and its last steps are far apart: their mean is published.
        default_factory=lambda: Training(3, 1024, AdamW(), average=0.98)
    )
    patches: Training = field(
        default_factory=lambda: Training(20, 16, AdamW(1e-2, 0.0))
    )
    private: Private | None = None
    learns: Literal["network", "tower"] = "network"

    def __post_init__(self) -> None:
        at_least("MoMoDistill", 0, beta=self.beta)
        above("MoMoDistill", 0, cap=self.cap)
        if self.private is not None and self.model is not None:
            raise ConfigError(
                "MoMoDistill has private, and a model that learns from the same rows "
                "without noise, which would tell of each. Pass model=None beside it."
            )

    @property
    def blurs(self) -> bool:
        """Is noise added, which hides a device only while nobody can draw it again?"""
        return self.private is not None and self.private.noise > 0

    def generator(self, seed: int = 0) -> np.random.Generator:
        """Return what draws where nobody has said what: of a seed, or of none."""
        return np.random.default_rng(None if self.blurs else seed)


class Teachers(NamedTuple):
    """What devices' own models say of their rows.

    Attributes:
        probability: Of an action, for each row.
        trusted: 1 for the rows of a device whose model counts, 0 for others.
    """

    probability: Float32[np.ndarray, " n"]
    trusted: Float32[np.ndarray, " n"]

    def where(self, some: Bool[np.ndarray, " n"]) -> "Teachers":
        """Return what they say of some of the rows."""
        return Teachers(*(part[some] for part in self))

    def share(self, rows: FleetRows) -> float:
        """Return the share of the devices with rows that are trusted in all of these.

        Args:
            rows: The same rows, and whose they are.
        """
        first = rows.ptr[:-1][rows.counts > 0]
        return float(self.trusted[first].mean()) if len(first) else 0.0


def teach(
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
    for devices, found in over(fleet, partial(_probabilities, head), (theta,)):
        for device, said in zip(devices, found[0], strict=True):
            some = slice(int(fleet.ptr[device]), int(fleet.ptr[device + 1]))
            likely[some] = said[: some.stop - some.start]
    judged = losses(head, theta, unseen)
    better = (judged.own < judged.model) & (judged.weight > 0)
    return Teachers(likely, better[owners(fleet.ptr)].astype(np.float32))


def _probabilities(head: Patched, theta: Tensor, rows: Rows) -> tuple[Tensor, ...]:
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


def distill_model(
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
    batch, weight = settings.model.batch_size, capped_weights(fleet, settings.cap)
    task = _Model(new, fleet.rows, weight, taught, valid.rows, settings.beta, batch)
    train(task, settings.model, run, method=settings)
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
        for some in shuffled_batches(len(self.weight), self.batch_size, rng):
            yield _Sample(*(part[tensor(some)] for part in parts))

    def loss(self, batch: _Sample) -> Tensor:
        logit = self.module.plain(batch.x, batch.offset)
        return model_loss(logit, *batch[2:], self.beta)

    def examples(self, batch: _Sample) -> int:
        return len(batch.label)

    def validate(self) -> float:
        if not len(self.valid.label):
            return float("nan")
        logit = self.module.plain(self.valid.x, self.valid.offset)
        return least_if_nan(-float(loss_of(logit, self.valid)))


def capped_weights(fleet: FleetRows, cap: float | None) -> Float[Tensor, " n"]:
    """Return how much each row counts, if no device's count more than so much."""
    if cap is None:
        return fleet.rows.weight
    weight = fleet.rows.weight.numpy()
    owner = owners(fleet.ptr)
    total = np.bincount(owner, weight, minlength=len(fleet))
    share = np.minimum(1, cap / np.maximum(total, 1e-9)).astype(np.float32)
    return tensor(weight * share[owner])
