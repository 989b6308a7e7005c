import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import ElasticNet

from conftest import draw_log
from tidegraph.data.interactions import interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError
from tidegraph.kernels import jit
from tidegraph.retrieval.slim import SLIM
from tidegraph.testing.retrievers import RetrieverLaws


class TestSLIM(RetrieverLaws):
    retriever = SLIM()


class TestSLIMWithFewCandidates(RetrieverLaws):
    variant_of = "TestSLIM"
    unmoved = 0.5
    retriever = SLIM(l1=0.1, l2=0.5, candidates=3)


def elastic_net(dense: np.ndarray, alpha: float, l1_ratio: float) -> np.ndarray:
    out = np.zeros((dense.shape[1], dense.shape[1]))
    for j in range(dense.shape[1]):
        others = dense.copy()
        others[:, j] = 0
        out[:, j] = (
            ElasticNet(
                alpha=alpha,
                l1_ratio=l1_ratio,
                positive=True,
                fit_intercept=False,
                tol=1e-12,
                max_iter=100_000,
            )
            .fit(others, dense[:, j])
            .coef_
        )
    return out


@given(
    seed=st.integers(0, 1000),
    l1=st.sampled_from([0.1, 0.5, 1.0, 4.0]),
    l2=st.sampled_from([0.1, 1.0, 5.0]),
)
@settings(max_examples=15)
def test_weights_are_those_of_scikit_learns_elastic_net(seed, l1, l2):
    rng = np.random.default_rng(seed)
    user, item = rng.integers(0, 40, 250), rng.integers(0, 12, 250)
    log = interactions(user, item, np.arange(250))
    dense = Matrix.of(log).csr().toarray().astype(float)

    model = SLIM(l1, l2, tolerance=1e-9).fit(log).csr()

    expected = elastic_net(dense, (l1 + l2) / len(dense), l1 / (l1 + l2))
    np.testing.assert_allclose(model.toarray(), expected, atol=1e-4)


def test_weights_are_not_negative_and_no_item_explains_itself():
    model = SLIM(l1=0.0, l2=0.01).fit(draw_log()).csr()

    assert model.data.min() > 0
    assert not model.diagonal().any()


def test_candidates_are_the_items_most_often_met_together():
    log = draw_log()
    together = (Matrix.of(log).csr().T @ Matrix.of(log).csr()).toarray()
    np.fill_diagonal(together, 0)

    model = SLIM(l1=0.0, l2=0.01, candidates=2).fit(log).csr().toarray()

    for j in range(len(model)):
        second = np.sort(together[:, j])[-2]
        assert (together[model[:, j] > 0, j] >= second).all()
        assert (model[:, j] > 0).sum() <= 2


def test_one_processor_learns_the_same_bits_as_several(monkeypatch):
    log = draw_log()
    several = SLIM().fit(log)
    monkeypatch.setattr(jit, "cpu_count", lambda: 1)

    alone = SLIM().fit(log)

    np.testing.assert_array_equal(several.weight, alone.weight)


def test_items_that_did_not_converge_are_reported(caplog):
    with caplog.at_level(logging.WARNING):
        SLIM(l1=0.0, l2=1e-3, sweeps=1, tolerance=1e-12).fit(draw_log())

    assert "items converged" in caplog.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"l1": -1.0}, "l1 is -1"),
        ({"l2": -1.5}, "l2 is -1.5"),
        ({"candidates": 0}, "candidates is 0"),
        ({"sweeps": 0}, "sweeps is 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        SLIM(**settings)
