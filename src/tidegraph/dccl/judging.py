"""How devices set aside judge what a round has learnt."""

import copy
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from tidegraph.device.fleet import Learnt, losses, personalised, start_thetas
from tidegraph.device.patch import Patched
from tidegraph.device.personalise import LocalSteps
from tidegraph.device.rows import FleetRows
from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch


class Verdict(NamedTuple):
    """What devices set aside say of a round; nan where none of them has rows.

    Attributes:
        before: Mean loss of their later rows under the model of all as it was.
        after: That under what the model has learnt.
        saved_before: Loss that their own models save beside the model that goes on, on
            later rows than those they learn from, under the bases and U that were; 0
            where there were none.
        saved_after: The same under those that were learnt.
    """

    before: float = math.nan
    after: float = math.nan
    saved_before: float = math.nan
    saved_after: float = math.nan


def loss_of_model(head: Patched, rows: FleetRows) -> float:
    """Return the mean loss of rows under the model of all; nan without rows."""
    found = losses(head, np.zeros((len(rows), head.theta), np.float32), rows)
    return weighted_mean(found.model, found.weight)


def learnt_early(
    head: Patched,
    before: Float32[np.ndarray, "d theta"],
    rows: FleetRows,
    local: LocalSteps,
    processes: int = 1,
) -> Learnt:
    """Return what devices learn from their earlier rows; the later ones can judge it.

    Args:
        head: Tower, bases and U.
        before: The theta that U begins from; 0 for a device without.
        rows: Those of the devices.
        local: How devices learn.
        processes: How many processes learn for them.
    """
    early = rows.parted()[0]
    begin = start_thetas(head, before, early)
    return personalised(head, begin, early, local, processes=processes)


def saved_by_own_models(
    head: Patched,
    before: Float32[np.ndarray, "d theta"],
    rows: FleetRows,
    local: LocalSteps,
    processes: int = 1,
) -> float:
    """Return what devices' own models save beside the model of all; nan without rows.

    They learn from their earlier rows, and the later ones judge. One that takes no
    step is answered by the model of all, and saves nothing.

    Args:
        head: Tower, bases and U.
        before: Their theta before the later rows, that U begins from.
        rows: Those of the devices that judge.
        local: How devices learn.
        processes: How many processes learn for them.
    """
    late = rows.parted()[1]
    learnt = learnt_early(head, before, rows, local, processes)
    found = losses(head, np.where(learnt.counts[:, None], learnt.theta, 0), late)
    saved = np.where(learnt.counts, found.model - found.own, 0)
    return weighted_mean(saved, found.weight)


def is_no_worse(after: float, before: float) -> bool:
    """Return whether a loss is no larger; one that is no number is larger than any."""
    return not math.isnan(after) and not after > before


def best_bases(
    learnt: Patched, was: Patched, verdict: Verdict, judged: bool
) -> Patched:
    """Return the bases and U that serve devices set aside best, with their tower.

    Those learnt, those that were, or none: what makes users worse is not published.

    Args:
        learnt: Those learnt.
        was: Those that were, on the same tower.
        verdict: What own models save under each.
        judged: Does any device judge? If none does, those learnt are taken.
    """
    saved = np.array([verdict.saved_after, verdict.saved_before, 0.0])
    saved[np.isnan(saved)] = -np.inf
    if not judged:
        saved[0] = np.inf
    if not all(bool(part.isfinite().all()) for part in learnt.parameters()):
        saved[0] = -np.inf
    return (learnt, was, without_patches(was))[int(saved.argmax())]


def without_patches(head: Patched) -> Patched:
    """Return a copy that answers as the model does, whatever a device's theta."""
    silent = copy.deepcopy(head)
    with torch.no_grad():
        for basis in silent.bases.values():
            basis.zero_()
    return silent


def weighted_mean(
    values: Float32[np.ndarray, " d"], weight: Float32[np.ndarray, " d"]
) -> float:
    """Return a mean over devices; nan if nothing has a weight."""
    total = float(weight.sum(dtype=np.float64))
    product = float((values.astype(np.float64) * weight).sum())
    return product / total if total else math.nan
