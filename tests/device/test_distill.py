"""What the cloud learns, against loops, and on fleets whose tastes are known."""

import numpy as np
import pytest
import torch

from device.heads import fleet_of, head, tower
from device.test_fleet import starts
from tidegraph.device.distill import (
    MoMoDistill,
    Teachers,
    capped_weights,
    distill_model,
    divergence,
    model_loss,
    teach,
)
from tidegraph.device.distill_patches import _Patches, distill_patches
from tidegraph.device.fleet import losses, personalised, start_thetas
from tidegraph.device.patch import MetaPatch
from tidegraph.device.personalise import LocalSteps, profile_of
from tidegraph.device.rows import FleetRows, Rows
from tidegraph.device.trust import Trust
from tidegraph.run import Run
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training


def run(seed=0):
    return Run(np.random.default_rng(seed))


def drawn(count=50, seed=0):
    rng = np.random.default_rng(seed)
    parts = (
        rng.normal(size=count),
        rng.random(count) < 0.4,
        0.5 + rng.random(count),
        rng.random(count),
        rng.random(count) < 0.6,
    )
    return [torch.from_numpy(part.astype(np.float32)) for part in parts]


def test_eq_19_18_the_loss_of_the_model_is_that_of_numpy():
    logit, label, weight, teacher, trusted = drawn()
    total = 0.0
    for z, y, w, p, t in zip(
        *(part.numpy().astype(np.float64) for part in drawn()), strict=True
    ):
        q = 1 / (1 + np.exp(-z))
        entropy = -(y * np.log(q) + (1 - y) * np.log(1 - q))
        kl = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
        total += w * (entropy + 0.7 * t * kl)

    found = model_loss(logit, label, weight, teacher, trusted, 0.7)

    np.testing.assert_allclose(found, total / float(weight.sum()), rtol=1e-5)


def test_the_divergence_is_0_where_both_agree_and_its_teacher_has_no_gradient():
    logit = torch.linspace(-4, 4, 9, requires_grad=True)
    same = torch.sigmoid(logit).detach()

    found = divergence(same, logit)
    (gradient,) = torch.autograd.grad(found.sum(), logit)

    torch.testing.assert_close(found.detach(), torch.zeros(9), atol=1e-6, rtol=0)
    torch.testing.assert_close(gradient, torch.zeros(9), atol=1e-6, rtol=0)


def test_no_device_counts_more_than_the_cap():
    fleet = fleet_of([3, 40, 0, 10])
    weight = capped_weights(fleet, 5.0).numpy()

    for d in range(4):
        own = fleet.of(d).weight.numpy()
        some = slice(int(fleet.ptr[d]), int(fleet.ptr[d + 1]))
        np.testing.assert_allclose(
            weight[some], own * min(1, 5 / max(own.sum(), 1e-9)), rtol=1e-5
        )
    assert torch.equal(capped_weights(fleet, None), fleet.rows.weight)
    assert MoMoDistill().cap is None


def test_a_teacher_counts_only_where_it_beats_the_model_on_unseen_rows():
    of, fleet = head(), fleet_of([12, 9, 0, 14, 8, 20, 7, 30])
    unseen, theta = fleet_of([5, 6, 7, 0, 8, 9, 10, 30], seed=60), starts(of, 8)
    judged = losses(of, theta, unseen)

    found = teach(of, theta, fleet, unseen)

    assert 0 < found.trusted.sum() < len(found.trusted)
    for d in range(8):
        some = slice(int(fleet.ptr[d]), int(fleet.ptr[d + 1]))
        counts = judged.own[d] < judged.model[d] and len(unseen.of(d).label) > 0
        assert (found.trusted[some] == counts).all()
        own = fleet.of(d)
        with torch.no_grad():
            said = torch.sigmoid(of(own.x, own.offset, torch.from_numpy(theta[d])))
        np.testing.assert_allclose(found.probability[some], said, atol=1e-6)


def test_only_the_tower_learns_from_rows_and_only_the_bases_from_devices():
    of, fleet = head(), fleet_of([20] * 12)
    theta = starts(of, 12)
    before = {name: value.clone() for name, value in of.state_dict().items()}
    taught = teach(of, theta, fleet, fleet)
    said = [part.copy() for part in taught]
    settings, none = MoMoDistill(), fleet.before(0)

    model = distill_model(of, fleet, taught, none, settings, run())
    patches = distill_patches(of, theta, fleet, taught, none, settings, run())

    def changed(new):
        return {
            name.split(".")[0]
            for name, value in new.state_dict().items()
            if not torch.equal(value, before[name])
        }

    assert changed(model) == {"f"}
    assert changed(patches) == {"bases", "reads", "start"}
    # What was there stays, teachers included: they are those of the round before.
    assert changed(of) == set()
    assert all(
        np.array_equal(one, other) for one, other in zip(said, taught, strict=True)
    )
    norms = [n for n in before if "standard" in n]
    assert norms
    assert all(torch.equal(model.state_dict()[n], before[n]) for n in norms)


def test_a_student_of_teachers_alone_becomes_like_them():
    of, fleet = head(), fleet_of([60] * 6)
    rows_ = fleet.rows
    said = torch.sigmoid(head(seed=5).plain(rows_.x, 0 * rows_.offset)).detach()
    taught = Teachers(said.numpy(), np.ones(len(said), np.float32))
    training = Training(60, 64, AdamW(1e-2, 0.0), patience=None)
    settings = MoMoDistill(beta=1e4, model=training)

    new = distill_model(of, fleet, taught, fleet.before(0), settings, run())

    def apart(one):
        likely = torch.sigmoid(one.plain(rows_.x, rows_.offset))
        return float((likely - said).abs().mean())

    assert apart(new) < 0.35 * apart(of)


def test_without_a_training_the_model_stays():
    of, fleet = head(), fleet_of([9, 9])
    new = distill_model(of, fleet, None, fleet, MoMoDistill(model=None), run())

    torch.testing.assert_close(new.state_dict(), of.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_eq_19_20_the_loss_of_the_patches_is_that_of_a_loop(beta):
    """A device is at U of its early rows, and is judged there on late ones."""
    of, fleet = head(), fleet_of([20, 11, 30])
    with torch.no_grad():
        of.start.out.weight *= 20
    theta = starts(of, 3)
    rng = np.random.default_rng(4)
    count = len(fleet.time)
    taught = Teachers(
        rng.random(count).astype(np.float32),
        np.repeat([1, 0, 1], fleet.counts).astype(np.float32),
    )
    distill = MoMoDistill(beta=beta, cap=1e9)
    task = _Patches(of, theta, fleet, taught, fleet.before(0), theta, distill)
    batch = task._batch(np.arange(3), theta, task.parts)
    early, late = fleet.parted()
    total = weight = 0.0
    for d in range(3):
        with torch.no_grad():
            start = of.start(torch.from_numpy(theta[d]), profile_of(early.of(d)))
        own = late.of(d)
        with torch.no_grad():
            likely = torch.sigmoid(of(own.x, own.offset, start)).double().numpy()
        some = slice(int(fleet.ptr[d + 1]) - len(likely), int(fleet.ptr[d + 1]))
        said = taught.probability[some].astype(np.float64)
        for row, (p, q) in enumerate(zip(likely, said, strict=True)):
            label, counts = float(own.label[row]), float(own.weight[row])
            loss = -(label * np.log(p) + (1 - label) * np.log(1 - p))
            near = q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))
            total += counts * (loss + beta * (d != 1) * near)
            weight += counts

    found = task.loss(batch)

    np.testing.assert_allclose(found.detach(), total / weight, rtol=1e-4)


def test_who_chooses_the_best_epoch_begins_where_their_theta_says():
    of, fleet, judges = head(), fleet_of([20, 9]), fleet_of([12, 30, 7], seed=9)
    theta = starts(of, 3)
    given = (of, starts(of, 2), fleet, None, judges)
    task = _Patches(*given, theta, MoMoDistill())

    early, late = judges.parted()
    told = losses(of, start_thetas(of, theta, early), late)
    expected = (told.own * told.weight).sum() / told.weight.sum()
    assert task.validate() == pytest.approx(-expected, rel=1e-5)
    none = _Patches(*given, np.zeros_like(theta), MoMoDistill())
    assert abs(none.validate() - task.validate()) > 1e-4


def planted(alike, devices=300, count=60, seed=0):
    """A fleet whose labels a patched tower draws: each by its own theta, or by none."""
    truth = MetaPatch(("hidden0",), rank=4, theta=4, radius=3.0).patched(
        tower(8, (16, 8), 1), rng=np.random.default_rng(9)
    )
    with torch.no_grad():
        truth.f.last.weight *= 3
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(size=(devices, count, 8)).astype(np.float32))
    own = rng.normal(size=(devices, 4)).astype(np.float32)
    own *= 0 if alike else 3 / np.linalg.norm(own, axis=1, keepdims=True)
    with torch.no_grad():
        none = torch.zeros(devices, count)
        logit = torch.func.vmap(truth)(x, none, torch.from_numpy(own))
    label = torch.from_numpy(rng.random((devices, count)).astype(np.float32))
    label = (label < torch.sigmoid(logit)).float()
    flat = Rows(x.flatten(0, 1), none.flatten(), label.flatten(), 1 + none.flatten())
    time = np.tile(np.arange(count), devices)
    return FleetRows(np.arange(devices + 1) * count, flat, time)


@pytest.mark.slow(
    of="test_under_a_little_noise_devices_still_gain_and_under_much_they_do_not"
)
@pytest.mark.parametrize("alike", [False, True])
def test_devices_gain_where_tastes_differ_and_lose_nothing_where_they_do_not(alike):
    fleet = planted(alike)
    learn, unseen = fleet.before(36), fleet.since(36)
    judges, rest = learn.at(np.arange(60)), learn.at(np.arange(60, 300))
    settings, local = MoMoDistill(), LocalSteps()
    patch = MetaPatch(("hidden0", "last"), rank=4, theta=8)
    of = patch.patched(tower(8, (16, 8), 2), rng=np.random.default_rng(0))
    many = Training(30, 256, AdamW(5e-3, 0.0), patience=4)
    of = distill_model(of, rest, None, judges, MoMoDistill(model=many), run())
    none = np.zeros((300, 8), np.float32)
    of = distill_patches(of, none[60:], rest, None, judges, settings, run())

    theta = personalised(of, start_thetas(of, none, learn), learn, local).theta
    trust = Trust.none(300).after(losses(of, theta, unseen.before(48)))
    judged = losses(of, theta, unseen.since(48))
    answered = np.where(trust.own(), judged.own, judged.model)
    gain = float((judged.model - answered).mean())

    if alike:
        assert gain > -0.001
        assert trust.own().mean() < 0.2
    else:
        assert gain > 0.02
        assert trust.own().mean() > 0.8
