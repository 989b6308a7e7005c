"""A rival of ``benchmarks/dccl.py``: a regression of each user.

A logistic regression, with a ridge, of what enters the tower, on top of the cloud's
model of all: what a linear model of one user can take of the trunk, to compare a theta
with. The ridge is the one, for all users, that makes the loss of the latest third of
their rows least where the rest is learnt from.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import expit

from tidegraph.dccl.fitted import FittedDCCL
from tidegraph.dccl.personal import FittedPersonal
from tidegraph.dccl.trunk import tower_inputs
from tidegraph.device.rows import FleetRows
from tidegraph.device.split import split

RIDGES = 1.0, 3.0, 10.0, 30.0, 100.0, 300.0


@dataclass(frozen=True)
class Scale:
    """What brings inputs of a tower to mean 0 and deviation 1, and adds a 1."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> "Scale":
        return cls(x.mean(axis=0), x.std(axis=0) + 1e-6)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        scaled = (x - self.mean) / self.deviation
        return np.concatenate([scaled, np.ones((*x.shape[:-1], 1))], axis=-1)


@dataclass(frozen=True)
class OwnRegressions:
    """The cloud's model of all, with the regression of each user added."""

    personal: FittedPersonal
    scale: Scale
    weight: np.ndarray

    def score(self, requests, candidates):
        out = np.zeros(candidates.item.shape)
        ranker, head = self.personal.ranker, self.personal.after.head
        trunk = split(ranker.network).trunk
        numbers = ranker.features.of(requests, candidates)
        with torch.no_grad():
            for rows, x, offset in tower_inputs(
                ranker, trunk, requests, candidates, numbers
            ):
                own = self.weight[requests.user[rows]][:, :, None]
                added = (self.scale(x.numpy()) @ own)[:, :, 0]
                logit = head.plain(x.flatten(0, 1), offset.flatten())
                out[rows] = logit.numpy().reshape(added.shape) + added
        return np.where(candidates.present, out, -np.inf)


def regressions_of_users(cloud: FittedDCCL, rows: FleetRows) -> OwnRegressions:
    """Learn from all rows, by the ridge that the latest of them choose."""
    head = cloud.personal.after.head
    scale = Scale.of(rows.rows.x.numpy())
    early, late = rows.parted()
    lost = [_lost(head, scale, late, _learnt(head, scale, early, r)) for r in RIDGES]
    ridge = RIDGES[int(np.argmin(lost))]
    print("ridge", dict(zip(RIDGES, lost, strict=True)), flush=True)
    return OwnRegressions(cloud.personal, scale, _learnt(head, scale, rows, ridge))


def _learnt(head, scale: Scale, rows: FleetRows, ridge: float) -> np.ndarray:
    """Return the weights of each user, by Newton's method; zeros without rows."""
    weight = np.zeros((len(rows), rows.rows.x.shape[1] + 1))
    for user in np.flatnonzero(rows.counts):
        x, logit, label = _part(head, scale, rows, user)
        own = weight[user]
        for _ in range(25):
            chance = expit(logit + x @ own)
            curve = (x.T * (chance * (1 - chance))) @ x + ridge * np.eye(len(own))
            step = np.linalg.solve(curve, x.T @ (label - chance) - ridge * own)
            own += step
            if np.abs(step).max() < 1e-6:
                break
    return weight


def _lost(head, scale: Scale, rows: FleetRows, weight: np.ndarray) -> float:
    """Return the mean log loss of the rows."""
    total = 0.0
    for user in np.flatnonzero(rows.counts):
        x, logit, label = _part(head, scale, rows, user)
        total += np.logaddexp(0, (1 - 2 * label) * (logit + x @ weight[user])).sum()
    return total / len(rows.time)


def _part(head, scale: Scale, rows: FleetRows, user: int):
    part = rows.of(int(user))
    with torch.no_grad():
        logit = head.plain(part.x, part.offset).numpy()
    return scale(part.x.numpy()), logit, part.label.numpy()
