"""Bases in closed form: they hold the directions in which devices differ."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from device.heads import fleet_of, head, tower
from device.test_planted_tastes import fleet_with_tastes
from tidegraph.device.bases import fit_bases
from tidegraph.device.fleet import losses, personalised
from tidegraph.device.patch import MetaPatch
from tidegraph.device.personalise import LocalSteps, loss_of
from tidegraph.device.rows import FleetRows


def rng():
    return np.random.default_rng(0)


def fitted(fleet: FleetRows, **settings):
    of = MetaPatch(**settings).patched(tower(12, (16, 8), 2), rng=rng())
    fit_bases(of, fleet, rng())
    return of.requires_grad_(False)


def saved(of, fleet, local=None):
    """What own models save of later rows, learnt from earlier ones, from 0."""
    early, late = fleet.parted()
    none = np.zeros((len(fleet), of.theta), np.float32)
    theta = personalised(of, none, early, local).theta
    found = losses(of, theta, late)
    return float((found.model - found.own).mean())


@pytest.mark.parametrize("junctions", [("input",), ("last",), ("input", "last")])
def test_new_devices_gain_by_what_others_differ_in(junctions):
    others, new = fleet_with_tastes(0.8, 120, 1), fleet_with_tastes(0.8, 60, 2)
    of = fitted(others, junctions=junctions)
    drawn = MetaPatch(junctions).patched(of.f, rng=rng())

    assert saved(of, new) > max(0.03, 1.5 * saved(drawn, new))


def test_numbers_of_theta_are_drawn_as_far_as_they_are_made_for():
    fleet = fleet_with_tastes(0.8, 120, 1)
    of = fitted(fleet)
    none = np.zeros((120, of.theta), np.float32)
    theta = personalised(of, none, fleet, LocalSteps(200)).theta
    # Eight numbers of an item matter; what rows leave unknown is not in a theta.
    assert 0.3 < theta[:, :8].std() / of.spread < 1.1


def test_bases_alone_change_no_answer():
    fleet = fleet_with_tastes(0.8, 40, 1)
    of, given = fitted(fleet), fleet.of(0)
    none = torch.zeros(of.theta)

    found = of(given.x, given.offset, none)

    assert torch.equal(found, of.plain(given.x, given.offset))


def test_theta_longer_than_the_rank_has_numbers_that_do_nothing():
    of = fitted(fleet_with_tastes(0.8, 40, 1), rank=3, theta=7)
    for basis in of.bases.values():
        assert basis[:, :3].any(dim=0).all()
        assert not basis[:, 3:].any()


@pytest.mark.parametrize("sure", [6.0, 8.0])
def test_a_model_that_is_sure_and_wrong_leaves_bases_of_use(sure):
    def wrong(fleet):
        draws = np.random.default_rng(3).normal(size=len(fleet.time))
        offset = sure * torch.from_numpy(draws).float()
        return replace(fleet, rows=fleet.rows._replace(offset=offset))

    of = fitted(wrong(fleet_with_tastes(2.0, 60, 1, count=40)))

    # Steps that went too far would leave them as drawn, or end the fit.
    assert saved(of, wrong(fleet_with_tastes(2.0, 30, 2))) > 0.4


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_bases_stay_where_nothing_can_be_learnt(label):
    fleet = fleet_of([5, 9, 0])
    flat = torch.full_like(fleet.rows.label, label)
    alike = FleetRows(fleet.ptr, fleet.rows._replace(label=flat), fleet.time)
    of = head()
    before = {name: value.clone() for name, value in of.state_dict().items()}

    fit_bases(of, alike, rng())
    fit_bases(of, fleet.before(0), rng())

    torch.testing.assert_close(dict(of.state_dict()), before)


def test_of_many_devices_some_are_drawn_alike_by_the_same_seed(monkeypatch):
    monkeypatch.setattr("tidegraph.device.bases.MOST", 30)
    fleet = fleet_with_tastes(0.8, 60, 1)
    one, other = fitted(fleet), fitted(fleet)

    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])
    assert saved(one, fleet_with_tastes(0.8, 40, 2)) > 0.02


def test_eq_19_17_steps_go_to_the_likeliest_theta_under_the_prior():
    fleet = fleet_with_tastes(0.8, 60, 1)
    of, local = fitted(fleet), LocalSteps(500, 0.05, clip=100.0, correct=False)
    given = fleet.of(3)
    none = np.zeros((60, of.theta), np.float32)
    theta = torch.from_numpy(personalised(of, none, fleet, local).theta[3])

    theta.requires_grad_()
    lost = loss_of(of(given.x, given.offset, theta), given) * given.weight.sum()
    (slope,) = torch.autograd.grad(lost, theta)

    at = theta.detach()
    torch.testing.assert_close(slope, -local.precision(of) * at, atol=0.05, rtol=0.02)
