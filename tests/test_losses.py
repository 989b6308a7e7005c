import math

import pytest
import torch

from tidegraph import losses
from tidegraph.losses import (
    bilateral_softmax,
    binary_cross_entropy,
    bpr,
    generalised_binary_cross_entropy,
    info_nce,
    sampled_softmax,
    skip_gram,
    softmax_over_all,
    triplet_margin,
)

HALF = torch.tensor([[True, False]])
ONE_THREE = torch.log(torch.tensor([1.0, 3.0]))


def test_binary_cross_entropy_at_odds_of_three_to_one():
    """Odds 3 mean probability 3/4: a yes costs -ln 3/4, a no costs -ln 1/4."""
    loss = binary_cross_entropy(torch.log(torch.tensor([3.0, 3.0])), torch.eye(2)[0])

    expected = (math.log(4 / 3) + math.log(4)) / 2
    assert math.isclose(loss.item(), expected, rel_tol=1e-6)


def test_binary_cross_entropy_of_a_huge_logit_is_the_logit():
    loss = binary_cross_entropy(torch.tensor([1000.0]), torch.tensor([0.0]))

    assert loss.item() == 1000.0


def test_bpr_of_odds_of_three_to_one():
    """A lead of ln 3 is misordered with probability 1/4."""
    loss = bpr(ONE_THREE[1:], ONE_THREE[None, :1])

    assert math.isclose(loss.item(), -math.log(3 / 4), rel_tol=1e-6)


def test_skip_gram_of_undecided_pairs_is_a_bit_for_each():
    loss = skip_gram(torch.zeros(5), torch.zeros(5, 3))

    assert math.isclose(loss.item(), 4 * math.log(2), rel_tol=1e-6)


def test_triplet_margin_is_the_shortfall():
    """Leads of 0.5 and 3 against a margin of 1 fall short by 0.5 and by nothing."""
    loss = triplet_margin(torch.tensor([3.0]), torch.tensor([[2.5, 0.0]]), 1.0)

    assert math.isclose(loss.item(), 0.25)


def test_sampled_softmax_of_two_equal_logits_is_log_two():
    """One positive and one negative with equal logits leave one bit of doubt."""
    loss = sampled_softmax(torch.zeros(3), torch.zeros(3, 1), torch.zeros(3, 1))

    assert math.isclose(loss.item(), math.log(2), rel_tol=1e-6)


def test_sampled_softmax_estimates_the_full_denominator_without_bias():
    """Averaged over every draw of one negative, exp(loss) is the full softmax's."""
    logits = torch.tensor([0.3, -1.0, 0.8, 0.1], dtype=torch.float64)
    proposal = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    losses = torch.stack(
        [
            sampled_softmax(logits[:1], logits[None, i : i + 1], q.log()[None, None])
            for i, q in zip((1, 2, 3), proposal, strict=True)
        ]
    )

    full = logits.exp().sum() / logits[0].exp()
    assert math.isclose((proposal * losses.exp()).sum(), full, rel_tol=1e-9)


def test_info_nce_divides_by_temperature():
    """Logits ln 1 and ln 3 halved by temperature 2: sqrt 3 of 1 + sqrt 3."""
    loss = info_nce(ONE_THREE[1:], ONE_THREE[None, :1], 2.0)

    expected = -math.log(math.sqrt(3) / (1 + math.sqrt(3)))
    assert math.isclose(loss.item(), expected, rel_tol=1e-6)


of_negatives = pytest.mark.parametrize(
    "loss",
    [
        bpr,
        skip_gram,
        info_nce,
        bilateral_softmax,
        lambda p, n, present=None: generalised_binary_cross_entropy(
            p, n, 0.625, present
        ),
        lambda p, n, present=None: triplet_margin(p, n, 2.0, present=present),
        lambda p, n, present=None: sampled_softmax(p, n, torch.zeros(1, 1), present),
    ],
    ids=["bpr", "skip_gram", "info_nce", "bsl", "gbce", "margin", "sampled_softmax"],
)


@of_negatives
@pytest.mark.parametrize("absent", [50.0, math.nan, math.inf, -math.inf])
def test_absent_negatives_count_nothing_whatever_they_hold(loss, absent):
    positive = torch.tensor([0.4], requires_grad=True)
    negative = torch.tensor([[0.9, absent]], requires_grad=True)

    masked = loss(positive, negative, present=HALF)
    masked.backward()

    few = torch.tensor([0.4], requires_grad=True), torch.tensor([[0.9]])
    alone = loss(few[0], few[1])
    alone.backward()
    torch.testing.assert_close(masked, alone)
    torch.testing.assert_close(positive.grad, few[0].grad)
    assert negative.grad[0, 1].item() == 0.0


@of_negatives
def test_a_pair_without_negatives_costs_no_more_than_it_does_alone(loss):
    positive = torch.tensor([0.4, 0.3], requires_grad=True)
    here = torch.tensor([[True, True], [False, False]])

    one = loss(positive[:1], torch.zeros(1, 2))
    both = loss(positive, torch.zeros(2, 2), present=here)
    none = loss(positive, torch.zeros(2, 0))

    both.backward()
    assert torch.isfinite(positive.grad).all()
    # Skip-gram asks of the pair alone, too, whether it is one.
    assert abs(both.item()) <= one.item() + math.log(2)
    assert 0 <= none.item() <= math.log(2)


def test_absent_questions_count_nothing_even_if_not_finite():
    logit = torch.tensor([[0.7, math.nan]], requires_grad=True)
    label, weight = torch.tensor([[1.0, math.nan]]), torch.tensor([[1.0, math.nan]])

    masked = binary_cross_entropy(logit, label, HALF, weight)
    masked.backward()

    alone = binary_cross_entropy(torch.tensor([0.7]), torch.tensor([1.0]))
    torch.testing.assert_close(masked, alone)
    assert torch.isfinite(logit.grad).all()


def test_an_empty_batch_costs_nothing():
    none = torch.zeros(1, 2, dtype=torch.bool)

    assert bpr(torch.zeros(1), torch.zeros(1, 2), none).item() == 0.0
    assert bilateral_softmax(torch.ones(1), torch.zeros(1, 2), 1.0, none).item() == 0.0


@pytest.mark.parametrize("at_once", [1, 100, 1 << 20])
def test_the_softmax_over_all_and_its_gradient_are_torch_s(at_once, monkeypatch):
    monkeypatch.setattr(losses, "AT_ONCE", at_once)
    random = torch.Generator().manual_seed(0)
    source, vectors = (
        torch.randn(n, 5, generator=random, dtype=torch.float64, requires_grad=True)
        for n in (17, 23)
    )
    target = torch.randint(0, 23, (17,), generator=random)

    loss = softmax_over_all(source, vectors, target)
    expected = torch.nn.functional.cross_entropy(source @ vectors.T, target)

    torch.testing.assert_close(loss, expected)
    found = torch.autograd.grad(3 * loss, [source, vectors])
    torch.testing.assert_close(
        found, torch.autograd.grad(3 * expected, [source, vectors])
    )


def test_the_softmax_over_all_stands_huge_products():
    loss = softmax_over_all(
        torch.tensor([[1e4]]), torch.tensor([[1.0], [-1.0]]), torch.tensor([0])
    )

    assert loss.item() == 0.0


def test_generalised_binary_cross_entropy_by_hand():
    """Petrov and Macdonald (2023): of 1 in 4 items, t = 1/2 gives the power 5/8."""
    yes, no = ONE_THREE[1:], torch.log(torch.tensor([[1.0, 3.0]]))

    loss = generalised_binary_cross_entropy(yes, no, 1 - 0.5 * (1 - 0.25))

    power = 0.25 * (0.5 * (1 - 4) + 4)
    expected = power * math.log(4 / 3) + math.log(2) + math.log(4)
    assert power == 0.625
    assert math.isclose(loss.item(), expected, rel_tol=1e-6)


def test_generalised_binary_cross_entropy_of_power_1_is_the_plain_one():
    random = torch.Generator().manual_seed(0)
    yes, no = torch.randn(6, generator=random), torch.randn(6, 4, generator=random)
    label = torch.cat([torch.ones(6, 1), torch.zeros(6, 4)], dim=1)

    plain = binary_cross_entropy(torch.cat([yes[:, None], no], dim=1), label)

    loss = generalised_binary_cross_entropy(yes, no, 1.0)
    torch.testing.assert_close(loss, 5 * plain)
