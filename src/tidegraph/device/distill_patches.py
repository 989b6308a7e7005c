"""MoMoDistill of the metapatches: bases and start learn from what devices did.

Source:
    Chu et al., "Graph Neural Networks in Modern Recommender Systems", equations 19.19
    and 19.20.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from tidegraph.device.bases import fit_bases
from tidegraph.device.distill import MoMoDistill, Teachers, divergence
from tidegraph.device.patch import LITTLE, Patched
from tidegraph.device.personalise import loss_of, profile_of
from tidegraph.device.private_patches import Privately, Sides
from tidegraph.device.rows import FleetRows, Rows
from tidegraph.extras import needed
from tidegraph.run import Run
from tidegraph.training.loop import train
from tidegraph.training.settings import Training
from tidegraph.training.task import least_if_nan
from tidegraph.training.threads import threads
from tidegraph.training.weights import shuffled_batches, tensor

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor
    from torch.func import vmap


SHARES = (1.0, 0.5, 0.2, LITTLE)
"""How much of what ``U`` says may be taken."""


def distill_patches(
    head: Patched,
    theta: Float32[np.ndarray, "d theta"],
    fleet: FleetRows,
    taught: Teachers | None,
    valid: FleetRows,
    settings: MoMoDistill,
    run: Run,
    valid_theta: Float32[np.ndarray, "v theta"] | None = None,
) -> Patched:
    """Return a head whose bases and start have learnt from the rows of devices.

    Args:
        head: Tower and bases so far, which stay as they are.
        theta: The numbers of the devices before the later rows, which judge what begins
            from these; 0 for one without.
        fleet: Rows of devices.
        taught: What their models say; none before any has learnt.
        valid: Rows of other devices, which decide when to stop, and how far ``U`` goes.
        settings: How to learn.
        run: In what circumstances.
        valid_theta: What ``theta`` is of the other devices; 0 if left out.
    """
    if valid_theta is None:
        valid_theta = np.zeros((len(valid), head.theta), np.float32)
    new = copy.deepcopy(head)
    if settings.private is None:
        fit_bases(new, fleet, run.drawing("bases"))
        new.start.requires_grad_(True)
    else:
        new.requires_grad_(True)
        new.f.requires_grad_(False)
    task = _Patches(new, theta, fleet, taught, valid, valid_theta, settings)
    if settings.private is None:
        train(task, settings.patches, run, method=settings)
        _hold_back(task)
    else:
        rate, steps = sampling(fleet, settings.patches)
        private = Privately(task, settings.private, settings.beta, rate, steps)
        train(private, settings.patches, run, method=settings)
    return new.requires_grad_(False)


def _hold_back(task: "_Patches") -> None:
    """Take of what ``U`` says the share that serves the users set aside best.

    Where tastes are alike that is next to none of it, which is the model of all.
    """
    out = task.module.start.out.weight.data
    whole = out.clone()
    served = list[float]()
    for share in SHARES:
        out.copy_(share * whole)
        with threads(1):
            served.append(task.validate())
    best = 0 if np.isnan(served).any() else int(np.argmax(served))
    out.copy_(SHARES[best] * whole)


def sampling(fleet: FleetRows, training: Training) -> tuple[float, int]:
    """Return how likely a device is in a private step, and how many an epoch has.

    Args:
        fleet: Rows of devices.
        training: How bases and start are trained.
    """
    able = int((fleet.counts > 0).sum())
    if not able:
        return 0.0, 0
    return min(1.0, training.batch_size / able), -(-able // training.batch_size)


class _Devices(NamedTuple):
    """Some devices side by side.

    Attributes:
        theta: The numbers of each so far.
        early: What tells who the users are.
        late: What their models are judged on.
        taught: The same rows: what their teachers say, as label, and what that counts.
    """

    theta: Tensor
    early: Rows
    late: Rows
    taught: Rows


def _teacher_rows(fleet: FleetRows, taught: Teachers | None) -> FleetRows:
    """Return what teachers say of rows as these rows' labels, without the rows' x."""
    rows = fleet.rows
    likely, trusted = rows.label, torch.zeros_like(rows.weight)
    if taught is not None:
        likely, trusted = (tensor(part) for part in taught)
    said = rows._replace(x=rows.x[:, :0], label=likely, weight=trusted * rows.weight)
    return FleetRows(fleet.ptr, said, fleet.time)


@dataclass(frozen=True, eq=False)
class _Patches:
    """The task of bases and start: who a user was early shall serve them late."""

    module: Patched
    theta: Float32[np.ndarray, "d theta"]
    fleet: FleetRows
    taught: Teachers | None
    valid: FleetRows
    valid_theta: Float32[np.ndarray, "v theta"]
    settings: MoMoDistill
    unit: str = "devices"

    @cached_property
    def parts(self) -> tuple[FleetRows, FleetRows, FleetRows]:
        said = _teacher_rows(self.fleet, self.taught).parted()[1]
        return (*self.fleet.parted(), said)

    @cached_property
    def judges(self) -> tuple[FleetRows, FleetRows, FleetRows]:
        # What is judged is what happened, whatever teachers say of it.
        return (*self.valid.parted(), _teacher_rows(self.valid, None).parted()[1])

    @property
    def able(self) -> Int64[np.ndarray, " e"]:
        return np.flatnonzero(self.parts[1].counts)

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[_Devices]:
        late = self.able
        for some in shuffled_batches(len(late), self.settings.patches.batch_size, rng):
            yield self._batch(late[some], self.theta, self.parts)

    def sides(self, devices: Int64[np.ndarray, " e"]) -> Sides:
        batch = self._batch(devices, self.theta, self.parts)
        profile = vmap(profile_of)(batch.early)
        return Sides(batch.theta, profile, batch.late, batch.taught)

    def _batch(
        self,
        devices: Int64[np.ndarray, " e"],
        theta: Float32[np.ndarray, "d theta"],
        parts: tuple[FleetRows, FleetRows, FleetRows],
    ) -> _Devices:
        early, late, taught = (part.side_by_side(devices) for part in parts)
        if self.settings.cap is not None:
            total = late.weight.sum(dim=1, keepdim=True).clamp(min=1e-9)
            share = (self.settings.cap / total).clamp(max=1)
            late, taught = (
                part._replace(weight=part.weight * share) for part in (late, taught)
            )
        return _Devices(tensor(theta[devices]), early, late, taught)

    def loss(self, batch: _Devices) -> Tensor:
        """Return the loss of devices' own models where they begin.

        Source:
            Eq 19.20: the log loss plus beta times KL on the samples of all devices,
            each under the patches of ``U(theta, u)``, over bases and start. Departs:
            the loss is that of later rows than those of the profile u, whose labels u
            knows.
        """
        head, late = self.module, batch.late
        theta = head.start(batch.theta, vmap(profile_of)(batch.early))
        logit = vmap(head)(late.x, late.offset, theta)
        flat = Rows(late.x.flatten(0, 1), *(part.flatten() for part in late[1:]))
        said = divergence(batch.taught.label.flatten(), logit.flatten())
        near = (said * batch.taught.weight.flatten()).sum()
        near = near / flat.weight.sum().clamp(min=1e-9)
        return loss_of(logit.flatten(), flat) + self.settings.beta * near

    def examples(self, batch: _Devices) -> int:
        return len(batch.theta)

    def validate(self) -> float:
        late = np.flatnonzero(self.judges[1].counts)
        if not len(late):
            return float("nan")
        total = weight = 0.0
        with torch.no_grad():
            for start in range(0, len(late), 256):
                some = late[start : start + 256]
                batch = self._batch(some, self.valid_theta, self.judges)
                counts = float(batch.late.weight.sum())
                total, weight = (
                    total + counts * float(self.loss(batch)),
                    weight + counts,
                )
        return least_if_nan(-total / weight)
