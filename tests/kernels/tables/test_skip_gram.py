import numpy as np
import pytest
import torch

from tidegraph.kernels.jit import use_threads
from tidegraph.kernels.tables.grid import Grid
from tidegraph.kernels.tables.skip_gram import SHARING, skip_gram


def tables(nodes, size, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, nodes, size), scale=0.5).astype(np.float32)


def pairs(nodes, count, seed=1):
    rng = np.random.default_rng(seed)
    return rng.integers(0, nodes, (2, count)).astype(np.int32)


def by_autograd(sources, targets, source, target, negative, one_table=False):
    """The loss of a block of pairs, and its gradients."""
    x = torch.tensor(sources, dtype=torch.float64, requires_grad=True)
    y = (
        x
        if one_table
        else torch.tensor(targets, dtype=torch.float64, requires_grad=True)
    )
    s, t, n = (
        torch.tensor(rows, dtype=torch.int64) for rows in (source, target, negative)
    )
    own = torch.nn.functional.logsigmoid((x[s] * y[t]).sum(1)).sum()
    others = torch.nn.functional.logsigmoid(-(x[s] @ y[n].T))
    loss = -own - (others * (n[None] != t[:, None])).sum()
    loss.backward()
    return loss.item(), x.grad.numpy(), y.grad.numpy()


@pytest.mark.parametrize("size", [1, 16, 37])
@pytest.mark.parametrize("count", [1, 5, SHARING])
@pytest.mark.parametrize("negatives", [1, 5])
def test_a_step_is_down_the_gradient_of_autograd(size, count, negatives):
    x, y = tables(20, size)
    source, target = pairs(20, count)
    pool = np.arange(3, 3 + negatives, dtype=np.int32)
    loss, of_x, of_y = by_autograd(x, y, source, target, pool)
    moved_x, moved_y = x.copy(), y.copy()

    found = skip_gram(
        moved_x, moved_y, Grid.of(source, target, pool, 20, 0), 0.01, negatives
    )

    assert np.isclose(found, loss / count, rtol=1e-5)
    np.testing.assert_allclose((x - moved_x) / 0.01, of_x, atol=2e-4)
    np.testing.assert_allclose((y - moved_y) / 0.01, of_y, atol=2e-4)


def test_a_step_on_one_table_is_down_its_gradient():
    x = tables(20, 9)[0]
    source, target = pairs(20, SHARING)
    pool = np.array([2, 7, 7], np.int32)
    _, gradient, _ = by_autograd(x, x, source, target, pool, one_table=True)
    moved = x.copy()

    grid = Grid.of(source, target, pool, 20, 0)
    skip_gram(moved, moved, grid, 0.01, 3, one_table=True)

    np.testing.assert_allclose((x - moved) / 0.01, gradient, atol=2e-4)


def test_products_beyond_thirty_keep_the_loss_finite_and_the_step_right():
    x, y = np.full((1, 1), 10, np.float32), np.full((2, 1), 10, np.float32)
    source, target, pool = (np.array([n], np.int32) for n in (0, 0, 1))

    loss = skip_gram(x, y, Grid.of(source, target, pool, 2, 0), 0.1, 1)

    # The positive is certain; the negative is as wrong as can be: it moves by 0.1 * 10.
    assert np.isclose(loss, -np.log(1e-7))
    np.testing.assert_allclose(x, 10 - 1.0)
    np.testing.assert_allclose(y[:, 0], [10, 9])


def test_a_block_in_which_everything_is_wrong_has_a_finite_loss():
    """Its 96 probabilities multiply to less than any number."""
    x, y = np.full((40, 1), 10, np.float32), np.full((40, 1), 10, np.float32)
    y[:20] = -10
    source, target = np.zeros(16, np.int32), np.arange(16, dtype=np.int32)
    pool = np.arange(20, 25, dtype=np.int32)

    loss = skip_gram(x, y, Grid.of(source, target, pool, 40, 0), 1e-6, 5)

    assert np.isclose(loss, -6 * np.log(1e-7))


def test_what_is_no_number_makes_a_loss_that_is_none():
    x, y = tables(300, 8)
    x[17] = np.nan
    source, target = pairs(300, 2000)

    loss = skip_gram(x, y, Grid.of(source, target, target, 300, 0), 0.01, 5)

    assert np.isnan(loss)


@pytest.mark.parametrize("one_table", [False, True])
def test_an_epoch_is_that_of_a_slow_loop_over_the_cells(one_table):
    """Cells in the order of the rounds, blocks within them, in double precision."""
    nodes, size, negatives, rate = 600, 5, 3, 0.1
    x, y = tables(nodes, size)
    y = x if one_table else y
    source, target = pairs(nodes, 4000)
    pool = pairs(nodes, 700, seed=5)[0]
    grid = Grid.of(source, target, pool, nodes, 3)
    fast = x.copy(), y.copy()
    skip_gram(
        fast[0],
        fast[0] if one_table else fast[1],
        grid,
        rate,
        negatives,
        one_table=one_table,
    )

    a = x.astype(np.float64)
    b = a if one_table else y.astype(np.float64)
    for i, j in cells_in_order(grid, one_table=one_table):
        (sources, targets), others = grid.cell(i, j)
        at = i * len(others) // grid.parts
        for first in range(0, len(sources), SHARING):
            some = slice(first, first + SHARING)
            n = others[(at + np.arange(negatives)) % len(others)]
            at += negatives
            _, of_a, of_b = by_autograd(
                a, b, sources[some], targets[some], n, one_table
            )
            a -= rate * of_a
            if not one_table:
                b -= rate * of_b

    assert grid.parts == 8
    np.testing.assert_allclose(fast[0], a, atol=2e-4)
    np.testing.assert_allclose(fast[1] if not one_table else fast[0], b, atol=2e-4)


def cells_in_order(grid, *, one_table):
    with use_threads(threads=1, grain=1):
        order = []
        grid.go_through(lambda i, j: order.append((i, j)), one_table=one_table)
    return order


@pytest.mark.parametrize("one_table", [False, True])
def test_any_number_of_threads_gives_the_same_bits(one_table):
    found = []
    for threads in (1, 2, 5):
        x, y = tables(2000, 12)
        grid = Grid.of(*pairs(2000, 50_000), pairs(2000, 9000, 2)[0], 2000, 7)
        with use_threads(threads=threads, grain=1):
            loss = skip_gram(
                x, x if one_table else y, grid, 0.05, 5, one_table=one_table
            )
        found.append((loss, x, y))

    for loss, x, y in found[1:]:
        assert loss == found[0][0]
        np.testing.assert_array_equal(x, found[0][1])
        np.testing.assert_array_equal(y, found[0][2])


def test_without_pairs_nothing_moves():
    x, y = tables(10, 4)
    none, was = np.zeros(0, np.int32), x.copy()

    assert skip_gram(x, y, Grid.of(none, none, none, 10, 0), 0.1, 5) == 0.0
    np.testing.assert_array_equal(x, was)
