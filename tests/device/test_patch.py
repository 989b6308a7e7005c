"""A patched tower against a loop over single numbers, and what is refused."""

import math

import numpy as np
import pytest
import torch

from device.heads import head, rows, theta, tower
from tidegraph.device.patch import MetaPatch
from tidegraph.device.personalise import profile_of
from tidegraph.errors import ConfigError


def flat_weights(of, place, numbers):
    """Eq 19.15, number by number."""
    basis = of.bases[place].detach().numpy().astype(np.float64)
    return [
        sum(row[k] * float(numbers[k]) for k in range(len(numbers))) for row in basis
    ]


def patched_by_hand(of, place, layer, numbers):
    """Eq 19.14, number by number: f_l(x) + h_l(f_l(x))."""
    d, r = len(layer), of.rank
    flat = flat_weights(of, place, numbers)
    read = [float(one) for one in of.reads[place].detach()]
    flat = [one + (read[n] if n < len(read) else 0) for n, one in enumerate(flat)]
    down, flat = flat[: r * d], flat[r * d :]
    bend, flat = flat[:r], flat[r:]
    up, shift = flat[: d * r], flat[d * r :]
    inner = [
        math.tanh(sum(down[j * d + i] * layer[i] for i in range(d)) + bend[j])
        for j in range(r)
    ]
    return [
        layer[i] + sum(up[i * r + j] * inner[j] for j in range(r)) + shift[i]
        for i in range(d)
    ]


def logit_by_hand(of, x, offset, numbers):
    state = [float(v) for v in x]
    if "input" in of.places:
        state = patched_by_hand(of, "input", state, numbers)
    for n, (layer, bend) in enumerate(zip(of.f.layers, of.f.bends, strict=True)):
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        out = []
        for i in range(len(bias)):
            z = sum(float(weight[i, j]) * state[j] for j in range(len(state)))
            z += float(bias[i])
            norm = bend.standard
            scaled = (z - float(norm.mean[i])) / math.sqrt(
                float(norm.variance[i]) + 1e-5
            )
            gate = 1 / (1 + math.exp(-scaled))
            out.append(gate * z + (1 - gate) * float(bend.slope[i]) * z)
        state = out
        if f"hidden{n}" in of.places:
            state = patched_by_hand(of, f"hidden{n}", state, numbers)
    last = of.f.last
    total = sum(float(w) * s for w, s in zip(last.weight[0], state, strict=True))
    return float(offset) + total + float(last.bias[0])


@pytest.mark.parametrize(
    "junctions",
    [
        ("input", "last"),
        ("hidden0", "last"),
        ("hidden1",),
        ("last",),
        ("hidden2", "hidden0", "hidden1"),
    ],
)
def test_eq_19_14_and_eq_19_15_a_patched_tower_is_its_loops(junctions):
    of, given = head(junctions=junctions), rows(5)
    numbers = theta(of, length=1.2)

    found = of(given.x, given.offset, numbers)

    expected = [
        logit_by_hand(of, x, o, numbers)
        for x, o in zip(given.x, given.offset, strict=True)
    ]
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-5, atol=1e-5)
    plain = of.plain(given.x, given.offset)
    assert (found - plain).abs().max() > 0.01


def test_theta_0_is_the_model_itself():
    of, given = head(), rows(5)

    found = of(given.x, given.offset, torch.zeros(of.theta))

    assert torch.equal(found, of.plain(given.x, given.offset))
    there = torch.ones(1, 5, dtype=torch.bool)
    own = tower()(given.x[None], there)[0] + given.offset
    torch.testing.assert_close(found, own)


def test_before_it_has_learnt_a_start_says_next_to_what_the_model_does():
    of, given = head(), rows(50)
    with torch.no_grad():
        start = of.start(torch.zeros(7), profile_of(given))
        apart = of(given.x, given.offset, start) - of.plain(given.x, given.offset)

    assert 0 < start.norm() < 0.1
    assert apart.abs().max() < 0.15


def test_eq_19_19_a_device_starts_where_the_cloud_says_and_never_at_0():
    of, width = head(), 6
    before, profile = theta(of, 1), torch.linspace(-1, 1, width)
    u = of.start
    w1, w2, w3, b = (
        part.detach().numpy()
        for part in (u.out.weight, u.before.weight, u.profile.weight, u.before.bias)
    )
    expected = w1 @ np.tanh(w2 @ before.numpy() + w3 @ profile.numpy() + b)
    expected *= min(1, of.radius / np.linalg.norm(expected))

    found = u(before, profile).detach()

    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert u(torch.zeros(7), torch.zeros(width)).norm() > 0
    with torch.no_grad():
        u.out.weight *= 100
    assert u(100 * before, 100 * profile).norm() <= of.radius * (1 + 1e-6)


def test_a_model_without_the_junctions_is_refused():
    with pytest.raises(ConfigError, match=r"'hidden7'.*lacks.*hidden0, hidden1"):
        head(junctions=("hidden0", "hidden7"))
    with pytest.raises(ConfigError, match=r"'last'.*lacks.* It has: none"):
        MetaPatch(junctions=("last",)).places(tower(hidden=()))


def test_a_junction_by_two_names_is_refused():
    with pytest.raises(ConfigError, match=r"'hidden2' twice; 'last' is another"):
        head(junctions=("hidden2", "last"))


def test_a_theta_larger_than_the_patch_is_refused():
    with pytest.raises(ConfigError, match=r"theta=200.*'input' has only 45 weights"):
        head(theta=200)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"rank": 0}, "rank"),
        ({"theta": 0}, "theta"),
        ({"radius": 0.0}, "radius"),
        ({"junctions": ()}, "junctions"),
    ],
)
def test_an_impossible_patch_is_refused(wrong, what):
    with pytest.raises(ConfigError, match=what):
        MetaPatch(**wrong)


def test_the_order_of_junctions_changes_nothing():
    one, other = (
        head(junctions=("hidden0", "last")),
        head(junctions=("last", "hidden0")),
    )
    given = rows(4)

    assert torch.equal(
        one(given.x, given.offset, theta(one)), other(given.x, given.offset, theta(one))
    )


def test_building_leaves_the_tower_as_it_was():
    own = tower()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    of = MetaPatch(rank=2, theta=4).patched(own, rng=np.random.default_rng(0))
    with torch.no_grad():
        of.f.last.bias += 1

    torch.testing.assert_close(own.state_dict(), before)
    assert all(weight.requires_grad for weight in own.parameters())
