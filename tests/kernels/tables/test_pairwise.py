import numpy as np
import pytest
import scipy.sparse as sp
import torch

from tidegraph.kernels.jit import use_threads
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.kernels.tables.grid import Grid
from tidegraph.kernels.tables.pairwise import pairwise


def drawn(users, items, count, seed=0):
    """Pairs, each once, and the items of each user."""
    rng = np.random.default_rng(seed)
    pair = rng.choice(users * items, count, replace=False)
    user, item = (pair // items).astype(np.int32), (pair % items).astype(np.int32)
    ones = np.ones(count, np.float32)
    matrix = sp.csr_array((ones, (user, item)), shape=(users, items))
    matrix.sort_indices()
    return user, item, SparseRows.of(matrix)


def tables(users, items, size, seed=1):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, size)).astype(np.float32) for n in (users, items))


def grid_of(user, item, items, key=0):
    return Grid.of(user, item, np.arange(items, dtype=np.int32), items, key)


@pytest.mark.parametrize("size", [1, 16, 21])
def test_a_step_is_down_the_gradient_of_autograd(size):
    # Of two items the user has one, so the other is the negative.
    user, item, known = np.int32([0]), np.int32([1]), sp.csr_array([[0.0, 1.0]])
    x, y = tables(1, 2, size)
    rate, l2 = 0.01, 0.3
    u, v = (torch.tensor(t, dtype=torch.float64, requires_grad=True) for t in (x, y))
    own = -torch.nn.functional.logsigmoid((u[0] * (v[1] - v[0])).sum())
    (own + l2 / 2 * (u.square().sum() + v.square().sum())).backward()
    moved = x.copy(), y.copy()

    loss = pairwise(*moved, grid_of(user, item, 2), SparseRows.of(known), rate, l2, 5)

    assert np.isclose(loss, own.item(), rtol=1e-5)
    np.testing.assert_allclose((x - moved[0]) / rate, u.grad, atol=2e-4)
    np.testing.assert_allclose((y - moved[1]) / rate, v.grad, atol=2e-4)


def test_negatives_are_drawn_among_items_that_the_user_lacks_each_as_likely():
    """Only what moves down was a negative: the user and the rate see to the rest."""
    items, own = 60, 20
    user = np.zeros(own, np.int32)
    item = np.arange(own, dtype=np.int32)
    known = SparseRows.of(
        sp.csr_array(np.r_[np.ones(own), np.zeros(items - own)][None])
    )
    count = np.zeros(items)
    for key in range(600):
        x, y = np.ones((1, 1), np.float32), np.zeros((items, 1), np.float32)
        pairwise(x, y, grid_of(user, item, items), known, 1e-6, 0.0, key)
        count += np.round(-y[:, 0] / 0.5e-6)

    assert (count[:own] == -600).all()
    # 12,000 draws among 40: 300 each, of deviation 17.
    assert abs(count[own:] - 300).max() < 5 * 17
    assert count[own:].sum() == 12_000


def test_a_user_who_has_every_item_learns_nothing():
    user, item = np.zeros(3, np.int32), np.arange(3, dtype=np.int32)
    x, y = tables(1, 3, 4)
    was = x.copy(), y.copy()
    known = SparseRows.of(sp.csr_array(np.ones((1, 3))))

    loss = pairwise(x, y, grid_of(user, item, 3), known, 0.1, 0.1, 0)

    assert loss == 0.0
    np.testing.assert_array_equal(x, was[0])
    np.testing.assert_array_equal(y, was[1])


def test_every_pair_comes_once_whatever_the_order():
    """With steps so small that none sees another, the sum of all steps is one step."""
    user, item, known = drawn(400, 2000, 6000)
    x, y = tables(400, 2000, 3)
    x[:] = 1
    y[:] = 0
    rate = 1e-5

    pairwise(x, y, grid_of(user, item, 2000), known, rate, 0.0, 3)

    # Items that are positive n times rise by n * rate / 2, before negatives fall.
    fall = np.bincount(item, minlength=2000) - np.round(y[:, 0] / (rate / 2))
    assert (fall >= 0).all()
    assert fall.sum() == len(user)


def test_any_number_of_threads_gives_the_same_bits():
    user, item, known = drawn(900, 3000, 40_000)
    found = []
    for threads in (1, 2, 5):
        x, y = tables(900, 3000, 10)
        with use_threads(threads=threads, grain=1):
            loss = pairwise(x, y, grid_of(user, item, 3000), known, 0.05, 0.01, 9)
        found.append((loss, x, y))

    for loss, x, y in found[1:]:
        assert loss == found[0][0]
        np.testing.assert_array_equal(x, found[0][1])
        np.testing.assert_array_equal(y, found[0][2])


def test_the_loss_falls_and_what_is_no_number_makes_none():
    user, item, known = drawn(50, 80, 600)
    x, y = tables(50, 80, 8)
    losses = [
        pairwise(x, y, grid_of(user, item, 80, key), known, 0.1, 0.001, key)
        for key in range(40)
    ]
    x[3] = np.nan

    assert losses[-1] < losses[0] / 2
    assert np.isnan(pairwise(x, y, grid_of(user, item, 80), known, 0.1, 0.001, 0))
