"""One device's steps against autograd, and the bounds it keeps."""

import math

import numpy as np
import pytest
import torch

from device.heads import head, rows, theta
from tidegraph.device.patch import project_to_ball
from tidegraph.device.personalise import (
    LocalSteps,
    local_step,
    local_steps,
    loss_of,
    offset_for_activity,
    personalise,
    profile_of,
    why_not,
)
from tidegraph.device.rows import Rows
from tidegraph.errors import ConfigError


def by_autograd(of, numbers, given, lr, clip=1.0):
    """One step, by torch.autograd and numpy."""
    at = numbers.clone().requires_grad_(True)
    logit = of(given.x, given.offset, at)
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        logit, given.label, reduction="none"
    )
    loss = (each * given.weight).sum() / given.weight.sum()
    (gradient,) = torch.autograd.grad(loss, at)
    length = float(gradient.norm())
    moved = (numbers - lr * gradient * min(1.0, clip / length)).detach()
    return moved * min(1.0, of.radius / float(moved.norm())), float(loss.detach())


@pytest.mark.parametrize("junctions", [("hidden0", "last"), ("hidden1",), ("last",)])
@pytest.mark.parametrize("seed", range(3))
def test_eq_19_17_a_step_is_that_of_autograd(junctions, seed):
    """From autograd's own theta at every step, so that errors do not add up."""
    of, given = head(seed, junctions=junctions, radius=0.9), rows(17, seed=seed)
    numbers = theta(of, seed, 0.5)
    for _ in range(5):
        with torch.no_grad():
            found, loss = local_step(of, numbers, given, 1.0)
        numbers, expected = by_autograd(of, numbers, given, 1.0)
        torch.testing.assert_close(found, numbers, rtol=0, atol=1e-6)
        assert math.isclose(float(loss), expected, rel_tol=1e-5)


def test_eq_19_16_the_loss_is_that_of_numpy():
    of, given = head(), rows(9)
    logit = of(given.x, given.offset, theta(of)).detach().numpy().astype(np.float64)
    likely = 1 / (1 + np.exp(-logit))
    label, weight = given.label.numpy(), given.weight.numpy()
    each = -(label * np.log(likely) + (1 - label) * np.log(1 - likely))

    found = loss_of(of(given.x, given.offset, theta(of)), given)

    np.testing.assert_allclose(
        found.detach(), (weight * each).sum() / weight.sum(), rtol=1e-5
    )


def test_theta_stays_in_its_ball():
    of, given = head(radius=0.4), rows(30)
    numbers = theta(of, length=0.4)
    for _ in range(20):
        with torch.no_grad():
            numbers, _ = local_step(of, numbers, given, 3.0)
        assert float(numbers.norm()) <= 0.4 * (1 + 1e-6)


def test_a_step_is_no_longer_than_the_clip():
    of, given = head(radius=100.0), rows(30)
    with torch.no_grad():
        of.f.last.weight *= 1000
    numbers = theta(of)

    with torch.no_grad():
        moved, _ = local_step(of, numbers, given, 0.5, 0.2)

    assert math.isclose(float((moved - numbers).norm()), 0.1, rel_tol=1e-4)


def test_at_0_all_that_leads_out_of_a_bottleneck_has_a_gradient():
    """What leads in has none there, since nothing leads out yet."""
    of, given = head(), rows(12)
    for place in of.places:
        weights = of.weights(place, torch.zeros(of.theta))
        parts = [part.detach().requires_grad_(True) for part in weights]
        patch = type(weights)(*parts)
        there = torch.ones(1, 12, dtype=torch.bool)
        logit = of.f(given.x[None], there, {place: patch.patch})[0]
        found = torch.autograd.grad(loss_of(logit, given), parts, allow_unused=True)
        none = [part is None or not part.any() for part in found]

        assert none == [True, True, False, False]


def test_a_device_begins_at_little_of_what_tells_its_rows_worse_than_none():
    """Of a place and of the one opposite, as good as the model is to first order."""
    of, given, begun = head(), rows(40), set()
    for seed in range(6):
        start = theta(of, seed, length=0.4)
        with torch.no_grad():
            moved = offset_for_activity(of, given)
            at_none, at_start = (
                float(loss_of(of(moved.x, moved.offset, numbers), moved))
                for numbers in (torch.zeros_like(start), start)
            )
        worse = at_start > at_none
        expected = 0.05 * start if worse else start

        found = personalise(of, start, given, LocalSteps(steps=0))

        torch.testing.assert_close(found.theta, expected)
        assert found.before <= at_none + 0.01
        begun.add(worse)
    assert begun == {True, False}


def test_steps_make_the_loss_smaller():
    of, given = head(), rows(40)
    found = personalise(of, theta(of, length=0.3), given, LocalSteps(steps=30))

    assert found.why_not is None
    assert found.after < found.before


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ([], "no events"),
        ([1.0], "one event"),
        ([1.0, 1.0, 1.0], "all 3 items of the device were acted on"),
        ([0.0, 0.0], "all 2 items of the device were passed over"),
    ],
)
def test_a_device_with_nothing_to_learn_from_takes_no_step_and_says_why(label, why):
    of, count = head(), len(label)
    given = Rows(
        torch.ones(count, 6), torch.zeros(count), torch.tensor(label), torch.ones(count)
    )
    start = theta(of)

    found = personalise(of, start, given)

    assert why in found.why_not
    assert torch.equal(found.theta, start)
    assert torch.equal(local_steps(of, start, given, LocalSteps())[0], start)
    assert not profile_of(given).any()


def test_rows_that_weigh_nothing_are_not_there():
    of, given = head(), rows(11)
    more = given.padded(16)
    start = theta(of)

    torch.testing.assert_close(
        personalise(of, start, more).theta, personalise(of, start, given).theta
    )
    torch.testing.assert_close(profile_of(more), profile_of(given))
    one = Rows(*(part[:1] for part in given)).padded(8)
    assert "one event" in why_not(one)


def test_the_correction_moves_the_rate_and_not_the_order():
    """A device that acted on 9 of 10 rows, of which the model expects half."""
    of = head()
    with torch.no_grad():
        of.f.last.weight.zero_()
        of.f.last.bias.zero_()
    label = torch.tensor([1.0] * 9 + [0.0])
    given = Rows(torch.zeros(10, 6), torch.zeros(10), label, torch.ones(10))

    with torch.no_grad():
        moved = offset_for_activity(of, given).offset

    torch.testing.assert_close(moved, torch.full((10,), math.log(9)))
    # Under it there is no more rate to learn: the gradient of a constant is 0.
    likely = torch.sigmoid(of.plain(given.x, moved)).detach()
    assert math.isclose(float((likely - label).sum()), 0, abs_tol=1e-5)


def test_a_profile_is_what_was_acted_on_less_what_was_not():
    x = torch.tensor([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0]])
    given = Rows(
        x, torch.zeros(3), torch.tensor([1.0, 1, 0]), torch.tensor([1.0, 3, 2])
    )

    torch.testing.assert_close(profile_of(given), torch.tensor([2.5, 1.0]))


def test_the_nearest_point_of_a_ball():
    inside, outside = torch.tensor([0.3, 0.4]), torch.tensor([3.0, 4.0])

    assert torch.equal(project_to_ball(inside, 1.0), inside)
    torch.testing.assert_close(project_to_ball(outside, 1.0), torch.tensor([0.6, 0.8]))


@pytest.mark.parametrize(
    "wrong", [{"steps": -1}, {"learning_rate": 0.0}, {"clip": 0.0}]
)
def test_impossible_steps_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        LocalSteps(**wrong)
