"""Losses of pairs against their formulas and a numerical gradient."""

import numpy as np
import pytest
import torch

from tidegraph.losses import LOWEST
from tidegraph.retrieval.objective.losses import (
    BPR,
    BSL,
    BinaryCrossEntropy,
    DirectAU,
    GeneralisedBCE,
    InfoNCE,
    SampledSoftmax,
    SkipGram,
    TripletMargin,
)
from tidegraph.retrieval.objective.scored import Scored


def softplus(x):
    return np.log1p(np.exp(x))


def lse(x):
    return np.log(np.exp(x).sum(axis=1))


def uniformity(x):
    rows, columns = np.triu_indices(len(x), 1)
    return np.log(np.exp(-2 * ((x[rows] - x[columns]) ** 2).sum(axis=1)).mean())


def calibrated_power(rate, t):
    """Petrov and Macdonald (2023), section 5, of a rate of at most 1."""
    rate = min(1.0, rate)
    return rate * (t * (1 - 1 / rate) + 1 / rate)


def gbce_as_published(p, n, power):
    """The authors' program: a yes of sigmoid(p)^power has the logit below."""
    likely = 1 / (1 + np.exp(-p))
    logit = -np.log(likely**-power - 1)
    each = np.concatenate([softplus(-logit)[:, None], softplus(n)], axis=1)
    return each.mean() * each.shape[1]  # Theirs is the mean.


def over_chance(p, n, yes):
    """Log odds of which 0 are those of a yes that counts so much among all."""
    odds = yes / n.shape[1]
    return p + np.log(odds), n + np.log(odds)


FORMULAS = {
    BPR(): lambda s, t, p, n, q: softplus(n - p[:, None]).mean(),
    SkipGram(): lambda s, t, p, n, q: (softplus(-p) + softplus(n).sum(axis=1)).mean(),
    BinaryCrossEntropy(): lambda s, t, p, n, q: (
        softplus(np.log(4) - p) + softplus(n - np.log(4)).sum(axis=1)
    ).mean(),
    TripletMargin(0.5): lambda s, t, p, n, q: np.maximum(
        n - p[:, None] + 0.5, 0
    ).mean(),
    GeneralisedBCE(4, 0.5): lambda s, t, p, n, q: gbce_as_published(
        *over_chance(p, n, calibrated_power(np.exp(q).mean(), 0.5)),
        calibrated_power(np.exp(q).mean(), 0.5),
    ),
    SampledSoftmax(): lambda s, t, p, n, q: softplus(lse(n - q) - p).mean(),
    InfoNCE(): lambda s, t, p, n, q: softplus(lse(n) - p).mean(),
    BSL(0.1, 0.2): lambda s, t, p, n, q: (lse(n) - p).mean(),
    DirectAU(2.0): lambda s, t, p, n, q: (
        ((s - t) ** 2).sum(axis=1).mean() + uniformity(s) + uniformity(t)
    ),
}
SAID = [(type(loss).__name__, loss) for loss in FORMULAS]


def drawn(seed=0):
    rng = np.random.default_rng(seed)
    source, target = (
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.normal(size=(2, 6, 3))
    )
    return (
        source,
        target,
        rng.normal(size=6),
        rng.normal(size=(6, 4)),
        rng.normal(size=(1, 4)),
    )


@pytest.mark.parametrize(("name", "loss"), SAID)
def test_a_loss_is_its_formula(name, loss):
    *parts, log_q = drawn()
    parts.append(log_q - 3)  # Rates below 1, as of few of all items.
    found = loss.loss(Scored(*(torch.tensor(part) for part in parts)))

    np.testing.assert_allclose(found.item(), FORMULAS[loss](*parts), rtol=1e-9)


@pytest.mark.parametrize(("name", "loss"), SAID)
def test_its_gradient_is_the_numerical_one(name, loss):
    *parts, log_q = (torch.tensor(part) for part in drawn(1))
    parts = [part.requires_grad_() for part in parts]

    assert torch.autograd.gradcheck(lambda *p: loss.loss(Scored(*p, log_q)), parts)


@pytest.mark.parametrize(("name", "loss"), SAID)
def test_a_missing_negative_costs_nothing_and_has_no_gradient(name, loss):
    source, target, positive, negative, log_q = (torch.tensor(p) for p in drawn())
    negative[:, 0] = LOWEST
    negative[2] = LOWEST
    negative.requires_grad_()
    present = negative > LOWEST
    value = loss.loss(Scored(source, target, positive, negative, log_q, present))

    if loss.drawn is not None:
        value.backward()
        assert negative.grad[:, 0].abs().max() == 0
        assert negative.grad[2].abs().max() == 0
        assert torch.isfinite(negative.grad).all()
    assert torch.isfinite(value)


@pytest.mark.parametrize(("name", "loss"), SAID)
def test_a_missing_negative_is_as_if_it_were_not_there(name, loss):
    """Not as one that costs nothing, over which a mean would be taken as well."""
    *rest, negative, log_q = (torch.tensor(part) for part in drawn())
    missing = torch.arange(6), torch.full((6,), 1)
    kept = [0, 2, 3]

    present = torch.ones_like(negative, dtype=torch.bool)
    present[missing] = False
    found = loss.loss(
        Scored(*rest, negative.masked_fill(~present, LOWEST), log_q, present)
    )

    few = loss.loss(Scored(*rest, negative[:, kept], log_q[:, kept]))
    torch.testing.assert_close(found, few)


@pytest.mark.parametrize(("name", "loss"), SAID)
def test_a_batch_without_any_negative_has_a_loss_and_a_gradient(name, loss):
    """As one that needs none is given."""
    parts = [torch.tensor(part) for part in drawn()]
    parts = [part.requires_grad_() for part in parts[:3]]
    batch = Scored(*parts, torch.zeros(6, 0), torch.zeros(1, 0))

    value = loss.loss(batch)
    value.backward()

    assert torch.isfinite(value)
    for part in parts:
        assert part.grad is None or torch.isfinite(part.grad).all()


@pytest.mark.parametrize("count", [1, 7, 256])
@pytest.mark.parametrize(
    "loss", [BinaryCrossEntropy(), GeneralisedBCE(), GeneralisedBCE(calibration=0.2)]
)
def test_where_similarities_tell_nothing_all_of_them_stay_where_they_are(loss, count):
    """Else all vectors first turn one way, which no list tells, and are then alike."""
    zeros, rate = torch.zeros(6, dtype=torch.float64), torch.full((1, 1), 0.02)
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    pairs = zeros + shift, torch.zeros(6, count).double() + shift

    loss.loss(Scored(pairs[1], pairs[1], *pairs, rate.log())).backward()

    assert abs(shift.grad.item()) < 1e-12


@pytest.mark.parametrize("positive_temperature", [0.03, 0.1, 1.0])
def test_bsl_is_equation_14_user_by_user(positive_temperature):
    """-t1 log E+ exp(f / t1) + t2 log E- exp(f / t2), over t2, users by their pairs."""
    rng, t1, t2 = np.random.default_rng(0), positive_temperature, 0.1
    user = np.array([7, 2, 7, 7, 2, 5])
    cosine, negatives = rng.uniform(-1, 1, 6), rng.uniform(-1, 1, (8, 9))
    loss, none = BSL(t2, t1), torch.zeros(6, 2).double()
    batch = Scored(
        none,
        none,
        torch.tensor(cosine / t2),
        torch.tensor(negatives[user] / t2),
        torch.zeros(1, 1),
        owner=torch.tensor(user),
    )

    expected = 0.0
    for one in set(user.tolist()):
        likes = [np.exp(f / t1) for f in cosine[user == one]]
        others = [np.exp(f / t2) for f in negatives[one]]
        # A sum, not a mean, of negatives: a constant more.
        value = -t1 * np.log(sum(likes) / len(likes)) + t2 * np.log(sum(others))
        expected += len(likes) / len(user) * value / t2
    assert np.isclose(loss.loss(batch).item(), expected, rtol=1e-12)


def test_the_gradient_of_bsl_with_shared_sources_is_the_numerical_one():
    *parts, log_q = (torch.tensor(part) for part in drawn(1))
    parts = [part.requires_grad_() for part in parts]
    owner = torch.tensor([0, 3, 0, 1, 3, 0])

    assert torch.autograd.gradcheck(
        lambda *p: BSL(0.1, 0.05).loss(Scored(*p, log_q, owner=owner)), parts
    )


def test_a_target_that_does_not_fit_the_others_of_a_source_teaches_less():
    """Its gradient has the share of exp(f / t1), of which a large t1 makes 1/2."""
    none, share = torch.zeros(2, 2), {}
    for t1 in (0.05, 100.0):
        positive = torch.tensor([0.9, 0.1], requires_grad=True)
        owner = torch.tensor([4, 4])
        batch = Scored(
            none, none, positive / 0.1, none / 0.1, torch.zeros(1, 1), owner=owner
        )
        BSL(0.1, t1).loss(batch).backward()
        share[t1] = (positive.grad[1] / positive.grad.sum()).item()

    assert np.isclose(share[0.05], 1 / (1 + np.exp(16)), rtol=1e-4)
    assert np.isclose(share[100.0], 0.5, atol=0.01)


@pytest.mark.parametrize("log_q", [[[-np.inf]], [[-np.inf, -np.inf]]])
def test_a_softmax_over_what_is_never_drawn_costs_nothing(log_q):
    """As the others of a batch of one pair, of which there are none."""
    log_q = torch.tensor(log_q)
    positive = torch.tensor([0.3], requires_grad=True)
    negative = torch.full(log_q.shape, LOWEST).requires_grad_()
    none = torch.zeros(1, 2)

    value = SampledSoftmax().loss(Scored(none, none, positive, negative, log_q))
    value.backward()

    assert value.item() == 0
    assert positive.grad.item() == 0
    assert (negative.grad == 0).all()


def test_what_is_never_drawn_is_no_negative_of_a_softmax():
    source, target, positive, negative, _ = (torch.tensor(p) for p in drawn())
    log_q = torch.tensor([[0.1, -np.inf, 0.3, 0.2]])
    kept = [0, 2, 3]

    found = SampledSoftmax().loss(Scored(source, target, positive, negative, log_q))

    rest = Scored(source, target, positive, negative[:, kept], log_q[:, kept])
    torch.testing.assert_close(found, SampledSoftmax().loss(rest))


def test_a_softmax_over_every_other_item_is_the_full_one():
    logits = torch.tensor(np.random.default_rng(0).normal(size=(4, 7)))
    none = torch.zeros(4, 2)
    batch = Scored(none, none, logits[:, 0], logits[:, 1:], torch.zeros(1, 1))

    found = SampledSoftmax().loss(batch)

    expected = -torch.log_softmax(logits, dim=1)[:, 0].mean()
    torch.testing.assert_close(found, expected)
