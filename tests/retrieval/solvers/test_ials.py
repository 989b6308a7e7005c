import numpy as np
import pytest
import scipy

from conftest import draw_log
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import DataError, MissingExtraError
from tidegraph.retrieval.recipes.factorized import ials
from tidegraph.retrieval.solvers import IALS
from tidegraph.testing.retrievers import RetrieverLaws


class TestIALS(RetrieverLaws):
    retriever = ials(5, iterations=3)
    seeded_by_row = True  # First vectors are drawn row by row.


def pairs():
    matrix = Matrix.of(draw_log()).csr()
    return scipy.sparse.csr_array(matrix, dtype=np.float32)


@pytest.mark.parametrize(("l2", "alpha"), [(0.1, 1.0), (3.0, 0.2), (1.0, 20.0)])
def test_users_solve_the_normal_equations(l2, alpha):
    weight = pairs().toarray().astype(float)
    solved = IALS(5, l2, alpha, 4).solve(pairs())
    y = solved.target.astype(float)

    for user, row in enumerate(weight):
        confidence = 1 + alpha * row
        left = y.T @ (confidence[:, None] * y) + l2 * np.eye(5)
        right = y.T @ (confidence * (row > 0))
        want = np.linalg.solve(left, right)
        np.testing.assert_allclose(solved.user[user], want, rtol=2e-3, atol=1e-4)


def test_more_rounds_find_a_lower_loss_and_settle():
    weight = pairs().toarray().astype(float)
    losses = []
    for rounds in (1, 5, 40, 41):
        solved = IALS(5, 1.0, 2.0, rounds).solve(pairs())
        error = (weight > 0) - solved.user @ solved.target.T
        penalty = (solved.user**2).sum() + (solved.target**2).sum()
        losses.append(((1 + 2 * weight) * error**2).sum() + penalty)

    assert losses[0] > losses[1] > losses[2]
    assert losses[3] == pytest.approx(losses[2], rel=1e-3)


def test_a_history_stands_for_the_solution_with_equal_confidences():
    solved = IALS(5, 1.0, 2.0, 4).solve(pairs())
    y = solved.target.astype(float)
    want = 3 * y @ np.linalg.inv(y.T @ y + np.eye(5))

    np.testing.assert_allclose(solved.source, want, rtol=1e-3, atol=1e-5)


def test_without_the_package_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "implicit.cpu.als", None)

    with pytest.raises(MissingExtraError, match=r"implicit.*tidegraph\[als\]"):
        IALS(5).solve(pairs())


def weights_far_apart(heavy):
    rng = np.random.default_rng(0)
    weight = np.where(rng.random(1000) < 0.1, heavy, 1).astype(np.float32)
    at = rng.integers(0, 50, 1000), rng.integers(0, 80, 1000)
    return scipy.sparse.coo_array((weight, at), (50, 80)).tocsr()


@pytest.mark.parametrize("heavy", [1e3, 1e5, 1e7])
def test_weights_far_apart_are_solved(heavy):
    solved = IALS().solve(weights_far_apart(heavy))

    assert np.isfinite(solved.user).all()
    assert np.isfinite(solved.source).all()


@pytest.mark.parametrize(("heavy", "alpha"), [(1e30, 1.0), (3e38, 10.0)])
def test_weights_that_cannot_be_solved_are_named(heavy, alpha):
    with pytest.raises(DataError, match=r"weights of pairs reach from 1 to .* Bring"):
        IALS(alpha=alpha).solve(weights_far_apart(heavy))
