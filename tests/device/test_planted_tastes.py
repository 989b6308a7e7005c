"""What devices gain where each user has a taste of their own, and where all are alike.

What enters the tower says what an item is like, and nothing of the user.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import torch

from device.heads import tower
from tidegraph.device.distill import MoMoDistill, distill_model
from tidegraph.device.distill_patches import distill_patches
from tidegraph.device.fleet import losses, personalised, start_thetas
from tidegraph.device.patch import MetaPatch, Patched
from tidegraph.device.rows import FleetRows, Rows
from tidegraph.run import Run
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training

LIST = 10


def fleet_with_tastes(spread, devices, seed, count=120, width=8) -> FleetRows:
    """Users of fixed tastes, so far apart; four numbers of an item mean nothing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(devices, count, width + 4)).astype(np.float32)
    common = 0.4 * np.random.default_rng(99).normal(size=width)
    taste = common + spread * rng.normal(size=(devices, 1, width))
    likely = 1 / (1 + np.exp(1.5 - (x[..., :width] * taste).sum(axis=-1)))
    label = (rng.random((devices, count)) < likely).astype(np.float32)
    flat = torch.from_numpy(label.ravel())
    rows = Rows(
        torch.from_numpy(x).flatten(0, 1), 0 * flat, flat, torch.ones_like(flat)
    )
    ptr = np.arange(devices + 1) * count
    return FleetRows(ptr, rows, np.tile(np.arange(count), devices))


class Cloud(NamedTuple):
    """A model of all, bases and start learnt beside it, and what judged these."""

    head: Patched
    judges: FleetRows


@cache
def cloud(spread: float) -> Cloud:
    fleet = fleet_with_tastes(spread, 200, seed=10)
    judges, rest = fleet.at(np.arange(40)), fleet.at(np.arange(40, 200))
    head = MetaPatch().patched(tower(12, (32, 16), 2), rng=np.random.default_rng(0))
    training = Training(15, 512, AdamW(5e-3, 0.0), patience=4)
    settings, runs = MoMoDistill(model=training), np.random.default_rng(0).spawn(2)
    head = distill_model(head, rest, None, judges, settings, Run(runs[0]))
    none = np.zeros((len(rest), head.theta), np.float32)
    head = distill_patches(head, none, rest, None, judges, settings, Run(runs[1]))
    return Cloud(head, judges)


def loss_at_start_and_end(head, fleet):
    """Loss of later rows: of the model, where devices begin, and where they end."""
    early, late = fleet.parted()
    none = np.zeros((len(fleet), head.theta), np.float32)
    start = start_thetas(head, none, early)
    end = personalised(head, start, early).theta
    judged = losses(head, start, late)
    own = losses(head, end, late).own
    return [float(part.mean()) for part in (judged.model, judged.own, own)], end, late


def ndcg(head, theta, fleet):
    """The mean NDCG of lists of ten rows, of those with something to tell apart."""
    rows = fleet.side_by_side(np.arange(len(fleet)))
    with torch.no_grad():
        said = torch.func.vmap(head)(rows.x, rows.offset, torch.from_numpy(theta))
    label = rows.label.numpy().reshape(-1, LIST)
    order = np.argsort(-said.numpy().reshape(-1, LIST), axis=1)
    discount = 1 / np.log2(np.arange(2, LIST + 2))
    best = np.sort(label, axis=1)[:, ::-1] @ discount
    some = (label.sum(axis=1) > 0) & (label.sum(axis=1) < LIST)
    found = np.take_along_axis(label, order, axis=1) @ discount
    return float((found[some] / best[some]).mean())


@pytest.mark.parametrize("spread", [0.8, 0.0])
def test_where_devices_begin_users_set_aside_are_told_no_worse_than_by_the_model(
    spread,
):
    head, judges = cloud(spread)
    (model, start, _), _, _ = loss_at_start_and_end(head, judges)

    assert start < model + 1e-3


def test_new_users_of_their_own_tastes_gain_where_they_begin_and_more_after_steps():
    head, _ = cloud(0.8)
    unseen = fleet_with_tastes(0.8, 80, seed=11)

    (model, start, end), theta, late = loss_at_start_and_end(head, unseen)

    assert start < model - 0.05
    assert end < start - 0.01
    assert end < model - 0.14
    assert ndcg(head, theta, late) > ndcg(head, 0 * theta, late) + 0.08


def test_new_users_whose_tastes_are_alike_gain_nothing_and_lose_nothing():
    head, _ = cloud(0.0)
    unseen = fleet_with_tastes(0.0, 80, seed=11)

    (model, start, end), theta, late = loss_at_start_and_end(head, unseen)

    assert abs(start - model) < 0.002
    assert abs(end - model) < 0.002
    assert abs(ndcg(head, theta, late) - ndcg(head, 0 * theta, late)) < 0.01
