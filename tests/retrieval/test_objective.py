import numpy as np
import torch

from tidegraph.retrieval.objective import Pairwise, Softmax, drawn_negatives


def test_the_pairwise_loss_and_its_gradient_are_those_of_the_formula():
    """Rendle et al. (2009): -log sigmoid(x), whose slope is -(1 - sigmoid(x))."""
    rng = np.random.default_rng(0)
    p, n = rng.normal(size=6), rng.normal(size=(6, 2))
    positive, negative = (torch.tensor(x, requires_grad=True) for x in (p, n))
    present = torch.ones(6, 2, dtype=torch.bool)

    loss = Pairwise().loss(positive, negative, present, 10)
    loss.backward()

    x = p[:, None] - n
    sigmoid = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(loss.item(), -np.log(sigmoid).mean(), rtol=1e-9)
    np.testing.assert_allclose(negative.grad.numpy(), (1 - sigmoid) / 12, rtol=1e-9)
    np.testing.assert_allclose(
        positive.grad.numpy(), -((1 - sigmoid) / 12).sum(axis=1), rtol=1e-9
    )


def test_a_softmax_over_every_other_item_is_the_full_one():
    rng = np.random.default_rng(0)
    logits = torch.tensor(rng.normal(size=(4, 7)))
    present = torch.ones(4, 6, dtype=torch.bool)

    found = Softmax(6).loss(logits[:, 0], logits[:, 1:], present, 7)

    expected = -torch.log_softmax(logits, dim=1)[:, 0].mean()
    torch.testing.assert_close(found, expected)


def test_negatives_are_uniform_over_what_the_user_has_no_event_with():
    pairs = np.array([0 * 6 + 1, 0 * 6 + 2, 1 * 6 + 0])
    pool = np.array([0, 1, 2, 3, 5])
    user = np.repeat([0, 1], 3000)

    drawn, there = drawn_negatives(user, 2, pool, pairs, 6, np.random.default_rng(0))

    assert there.all()
    for who, free in ((0, [0, 3, 5]), (1, [1, 2, 3, 5])):
        values, counts = np.unique(drawn[user == who], return_counts=True)
        assert values.tolist() == free
        np.testing.assert_allclose(counts / counts.sum(), 1 / len(free), atol=0.03)


def test_a_user_with_an_event_on_every_item_has_no_negative():
    pairs = np.arange(3)

    _, there = drawn_negatives(
        np.zeros(2, np.int64), 4, np.arange(3), pairs, 3, np.random.default_rng(0)
    )

    assert not there.any()
