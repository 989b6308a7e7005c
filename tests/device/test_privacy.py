"""What noise promises, against integrals and another library; and what is noised."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from device.heads import fleet_of, head
from device.test_distill import planted, run
from device.test_fleet import starts
from tidegraph.device.distill import MoMoDistill, Teachers
from tidegraph.device.distill_patches import _Patches, distill_patches, sampling
from tidegraph.device.fleet import losses, personalised, start_thetas
from tidegraph.device.patch import MetaPatch
from tidegraph.device.privacy import ORDERS, Private, epsilon, privacy_spent
from tidegraph.device.private_patches import Privately, _Sample
from tidegraph.errors import ConfigError
from tidegraph.training.optimizers import AdamW
from tidegraph.training.settings import Training


@pytest.mark.parametrize("rate", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("noise", [0.8, 3.0])
@pytest.mark.parametrize("order", [2, 5, 17])
def test_the_divergence_is_that_of_an_integral(rate, noise, order):
    """Of a noised sum with a device that is there by chance, from one without."""
    zero, one = (stats.norm(mean, noise).logpdf for mean in (0, 1))

    def density(x):
        mixed = np.logaddexp(
            math.log1p(-rate) + zero(x) if rate < 1 else -np.inf,
            math.log(rate) + one(x),
        )
        return np.exp(order * mixed - (order - 1) * zero(x))

    # The mass lies between 0 and the order, beyond which it falls as fast as noise.
    found, _ = integrate.quad(
        density, -12 * noise, order + 12 * noise, limit=500, points=[0, order]
    )
    expected = math.log(found) / (order - 1)

    spent = privacy_spent(Private(noise=noise), rate, 7)

    at = int(np.flatnonzero(order == ORDERS)[0])
    np.testing.assert_allclose(spent[at], 7 * expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("rate", "noise", "steps", "delta", "expected"),
    [
        (256 / 60_000, 1.3, 3_515, 1e-5, 0.9544295087299243),
        (256 / 60_000, 1.1, 14_062, 1e-5, 2.5969811785948815),
        (256 / 60_000, 0.7, 10_546, 1e-5, 6.372841482643707),
        (0.05, 1.0, 200, 1e-5, 5.371115403362253),
        (1.0, 4.0, 10, 1e-6, 4.011616054990902),
        (0.2, 2.0, 100, 1e-6, 6.130821563843961),
    ],
)
def test_epsilon_is_that_of_dp_accounting(rate, noise, steps, delta, expected):
    """Values of Google's dp-accounting 0.6.0, over the same orders."""
    found = epsilon(privacy_spent(Private(noise=noise), rate, steps), delta)

    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("noise", "epochs", "published"), [(1.3, 15, 1.19), (1.1, 60, 3.01), (0.7, 45, 7.1)]
)
def test_published_epsilons_of_mnist_are_found(noise, epochs, published):
    """The table in the tutorial of TensorFlow Privacy, which converts as Mironov did.

    Ours converts later and better, so that it says less.
    """
    steps = epochs * 60_000 // 256
    spent = privacy_spent(Private(noise=noise), 256 / 60_000, steps)
    by_mironov = float((spent + math.log(1e5) / (ORDERS - 1)).min())

    assert by_mironov == pytest.approx(published, rel=0.01)
    assert 0.75 * published < epsilon(spent, 1e-5) < published


def test_what_is_spent_adds_up_and_no_noise_promises_nothing():
    private = Private(noise=1.5)
    one, two = privacy_spent(private, 0.1, 30), privacy_spent(private, 0.1, 60)

    np.testing.assert_allclose(one + one, two)
    assert epsilon(privacy_spent(private, 0.1, 0), 1e-5) == 0
    assert epsilon(privacy_spent(private, 0.0, 50), 1e-5) == 0
    assert epsilon(one, 1e-5) < epsilon(two, 1e-5)
    assert epsilon(privacy_spent(private, 0.2, 30), 1e-5) > epsilon(one, 1e-5)
    assert epsilon(privacy_spent(Private(noise=3.0), 0.1, 30), 1e-5) < epsilon(
        one, 1e-5
    )
    assert epsilon(privacy_spent(Private(noise=0.0), 0.1, 1), 1e-5) == math.inf


COUNTS = [20, 11, 30, 0, 9, 16]


def task(private, beta=0.7, rate=1.0):
    of, fleet = head(), fleet_of(COUNTS)
    of.requires_grad_(True)
    of.f.requires_grad_(False)
    rng, count = np.random.default_rng(4), len(fleet.time)
    taught = Teachers(
        rng.random(count).astype(np.float32), (rng.random(count) < 0.6).astype("f")
    )
    distill = MoMoDistill(beta=beta, model=None)
    theta = starts(of, len(COUNTS))
    inner = _Patches(of, theta, fleet, taught, fleet.before(0), theta, distill)
    return Privately(inner, private, beta, rate, 1)


def gradient(of, sample):
    """Return the gradient that a step would take, one line."""
    module = of.module
    module.zero_grad()
    of.loss(sample).backward()
    learning = [w for _, w in sorted(module.named_parameters()) if w.requires_grad]
    return torch.cat([w.grad.flatten() for w in learning]).numpy().copy()


def alone(of, device):
    """Return the gradient of one device's loss, by the task that is not private."""
    module, inner = of.module, of.devices
    module.zero_grad()
    inner.loss(inner._batch(np.array([device]), inner.theta, inner.parts)).backward()
    learning = [w for _, w in sorted(module.named_parameters()) if w.requires_grad]
    return torch.cat([w.grad.flatten() for w in learning]).numpy().copy()


@pytest.mark.parametrize("clip", [1e6, 0.05])
def test_a_step_takes_the_mean_of_gradients_clipped_one_by_one(clip):
    of = task(Private(noise=0.0, clip=clip))
    able = of.devices.able
    assert able.tolist() == [0, 1, 2, 4, 5]
    each = [alone(of, device) for device in able]
    lengths = [float(np.linalg.norm(g)) for g in each]
    assert max(lengths) > 0.05
    expected = sum(g * min(1, clip / n) for g, n in zip(each, lengths, strict=True))

    found = gradient(of, _Sample(able, 0))

    np.testing.assert_allclose(found, expected / len(able), atol=1e-6)


def test_with_or_without_a_device_a_step_differs_by_the_clip_at_most():
    of = task(Private(noise=0.0, clip=0.02))
    able = of.devices.able
    whole = gradient(of, _Sample(able, 0)) * len(able)

    for device in able:
        rest = gradient(of, _Sample(able[able != device], 0)) * len(able)
        assert np.linalg.norm(whole - rest) <= 0.02 * (1 + 1e-4)


def test_noise_has_the_deviation_it_says_and_is_another_in_every_step():
    private = Private(noise=3.0, clip=0.5)
    of, quiet = task(private), task(Private(noise=0.0, clip=0.5))
    able = of.devices.able
    plain = gradient(quiet, _Sample(able, 0)) * len(able)
    # Noise alone, where no device was drawn.
    drawn = np.stack(
        [gradient(of, _Sample(able[:0], s)) * len(able) for s in range(40)]
    )

    assert abs(drawn.std() / 1.5 - 1) < 0.02
    assert abs(drawn.mean()) < 0.02
    together = np.corrcoef(drawn)[np.triu_indices(40, 1)]
    assert np.abs(together).max() < 0.3
    for seed in (0, 7, 39):
        noised = gradient(of, _Sample(able, seed)) * len(able)
        np.testing.assert_allclose(noised - plain, drawn[seed], atol=1e-4)


def test_devices_are_drawn_each_by_itself_at_the_rate():
    of = task(Private(), rate=0.3)
    rng = np.random.default_rng(0)
    there = [next(of.batches(0, rng)) for _ in range(2_000)]

    counts = [np.isin(of.devices.able, one.devices).astype(float) for one in there]
    np.testing.assert_allclose(np.mean(counts, axis=0), 0.3, atol=0.04)
    apart = np.corrcoef(np.stack(counts).T)[np.triu_indices(5, 1)]
    assert np.abs(apart).max() < 0.1
    assert len({one.seed for one in there}) == 2_000
    assert math.isnan(of.validate())


def test_the_chance_of_a_device_and_the_steps_are_those_of_its_batches():
    fleet = fleet_of(COUNTS)

    assert sampling(fleet, Training(batch_size=2)) == (0.4, 3)
    assert sampling(fleet, Training(batch_size=64)) == (1.0, 1)
    assert sampling(fleet.before(0), Training()) == (0.0, 0)


def test_under_a_little_noise_devices_still_gain_and_under_much_they_do_not():
    fleet = planted(alike=False, devices=200)
    of = MetaPatch(("hidden0", "last"), rank=4, theta=8).patched(
        head(0, 8, (16, 8)).f, rng=np.random.default_rng(0)
    )
    none, early, late = np.zeros((200, 8), np.float32), *fleet.parted()
    training = Training(5, 64, AdamW(1e-2, 0.0), patience=None)

    def lost(noise):
        private = Private(noise=noise, clip=0.2)
        distill = MoMoDistill(model=None, patches=training, private=private)
        new = distill_patches(of, none, fleet, None, fleet.before(0), distill, run())
        changed = {
            name.split(".")[0]
            for name, value in new.state_dict().items()
            if not torch.equal(value, of.state_dict()[name])
        }
        assert changed == {"bases", "reads", "start"}
        theta = personalised(new, start_thetas(new, none, early), early).theta
        return float(losses(new, theta, late).own.mean())

    silent, little, much = lost(0.0), lost(0.05), lost(20.0)

    assert abs(little - silent) < 0.02
    assert silent < much - 0.02


@pytest.mark.parametrize(
    "wrong", [{"noise": -1.0}, {"clip": 0.0}, {"delta": 0.0}, {"delta": 1.0}]
)
def test_impossible_promises_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Private(**wrong)


def test_a_model_that_learns_from_rows_beside_it_is_refused():
    with pytest.raises(ConfigError, match="Pass model=None"):
        MoMoDistill(private=Private())
