import numpy as np
import pytest

from conftest import draw_log
from tidegraph.data.interactions import interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError
from tidegraph.retrieval.ease import EASE
from tidegraph.testing.retrievers import RetrieverLaws, requests_at


class TestEASE(RetrieverLaws):
    retriever = EASE(l2=5.0)


class TestEASEInSinglePrecision(RetrieverLaws):
    variant_of = "TestEASE"
    retriever = EASE(l2=5.0, single_precision=True)


@pytest.mark.parametrize(("single", "tolerance"), [(False, 1e-6), (True, 1e-4)])
def test_weights_are_those_of_the_dense_inverse(single, tolerance):
    # More items than the 64 of a tile, so that several are mirrored.
    log = draw_log(events=4000, items=150, users=200)
    dense = Matrix.of(log).csr().toarray().astype(float)
    inverse = np.linalg.inv(dense.T @ dense + 10 * np.eye(dense.shape[1]))
    expected = np.eye(len(inverse)) - inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)

    fitted = EASE(l2=10.0, single_precision=single).fit(log)

    known = len(fitted.weight)
    np.testing.assert_allclose(fitted.weight, expected[:known, :known], atol=tolerance)
    assert not expected[known:].any()
    assert not expected[:, known:].any()
    assert not np.diagonal(fitted.weight).any()


def test_two_items_always_met_together_explain_each_other_by_hand():
    # X'X + I = [[3, 2], [2, 3]], its inverse [[3, -2], [-2, 3]] / 5: weights 2/3.
    log = interactions(["a", "a", "b", "b"], ["x", "y", "x", "y"], [1, 2, 3, 4])

    fitted = EASE(l2=1.0).fit(log)

    np.testing.assert_allclose(fitted.weight, [[0, 2 / 3], [2 / 3, 0]], rtol=1e-6)


def test_scores_are_the_distinct_history_times_the_weights():
    log = draw_log()
    fitted = EASE(l2=5.0).fit(log)
    seen = Matrix.of(log).csr().toarray() > 0

    scores = fitted.scores(requests_at(log))

    np.testing.assert_allclose(scores, seen @ fitted.weight, atol=1e-5)


def test_a_catalogue_too_large_for_memory_is_refused_with_the_mend():
    log = interactions([0] * 500, range(500), range(500))

    with pytest.raises(ConfigError, match=r"500 items needs 0\.0 GB.*SLIM and RP3beta"):
        EASE(memory_limit_gb=0.001).fit(log)
    with pytest.raises(ConfigError, match="single_precision"):
        EASE(memory_limit_gb=0.001).fit(log)


def test_single_precision_fits_where_double_does_not():
    log = interactions([0] * 500, range(500), range(500))
    needed = 500**2 * 4 / 1e9

    fitted = EASE(single_precision=True, memory_limit_gb=needed).fit(log)

    assert fitted.weight.shape == (500, 500)


def test_no_penalty_is_refused(log):
    with pytest.raises(ConfigError, match="l2 is 0"):
        EASE(l2=0.0).fit(log)
