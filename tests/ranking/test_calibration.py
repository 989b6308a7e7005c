from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression

import tidegraph as tg
from conftest import draw_log
from tidegraph.catalog import model as from_table
from tidegraph.errors import ConfigError, DataError
from tidegraph.evaluation.metrics.classification import calibration_error
from tidegraph.ranking.calibration import (
    CURVES,
    ORDER,
    Calibrated,
    Line,
    Steps,
)
from tidegraph.ranking.logit import RecencyLogit
from tidegraph.run import Run
from tidegraph.testing.rankers import RankerLaws, split_examples

EDGE = np.array([0.0, 1e-9, 0.5, 1 - 1e-7, 1.0], np.float32)


class TestPlatt(RankerLaws):
    ranker = Calibrated(RecencyLogit())


class TestIsotonic(RankerLaws):
    variant_of = "TestPlatt"
    ranker = Calibrated(RecencyLogit(), "isotonic")
    # A step may end at another candidate.
    tolerance = 0.2


def overconfident(rows: int = 4000, seed: int = 0):
    """Probabilities that are too sure, and what happened."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=rows)
    label = rng.random(rows) < 1 / (1 + np.exp(-true))
    return (1 / (1 + np.exp(-3 * true - 1))).astype(np.float32), label


class Told(ClassifierMixin, BaseEstimator):
    """A classifier of scikit-learn whose decision is its only input."""

    def fit(self, inputs, label):
        self.classes_, self.n_features_in_ = np.array([0, 1]), 1
        return self

    def predict(self, inputs):
        return (self.decision_function(inputs) > 0).astype(int)

    def decision_function(self, inputs):
        return np.asarray(inputs)[:, 0]


def test_the_line_is_that_of_scikit_learn():
    score, label = overconfident()
    logit = np.log(score.astype(np.float64) / (1 - score.astype(np.float64)))
    told = FrozenEstimator(Told().fit(logit[:, None], label))
    oracle = CalibratedClassifierCV(told, method="sigmoid")
    oracle.fit(logit[:, None], label.astype(int))

    mended = Line.of(score, label, np.ones_like(score))(score.astype(np.float64))

    wanted = oracle.predict_proba(logit[:, None])[:, 1]
    np.testing.assert_allclose(mended, wanted, atol=2e-4)


@pytest.mark.parametrize("digits", [1, 2, 8])
def test_the_steps_are_those_of_scikit_learn(digits):
    score, label = overconfident(1500)
    score = score.round(digits)
    oracle = IsotonicRegression(out_of_bounds="clip")
    oracle.fit(score.astype(np.float64), label)
    fresh = np.linspace(0, 1, 777)

    mended = Steps.of(score, label, np.ones_like(score))(fresh)

    wanted = (1 - ORDER) * oracle.predict(fresh) + ORDER * fresh
    np.testing.assert_allclose(mended, wanted, atol=1e-9)


# What stands still need not know how much a row counts.
@pytest.mark.filterwarnings("ignore:Since FrozenEstimator")
def test_weighted_curves_are_those_of_scikit_learn():
    score, label = overconfident(1500)
    count = np.random.default_rng(2).gamma(0.5, size=len(score)).astype(np.float32)
    count /= count.mean()
    given, fresh = score.astype(np.float64), np.linspace(0, 1, 777)
    logit = np.log(given / (1 - given))[:, None]
    platt = CalibratedClassifierCV(
        FrozenEstimator(Told().fit(logit, label)), method="sigmoid"
    ).fit(logit, label.astype(int), sample_weight=count)
    steps = IsotonicRegression(out_of_bounds="clip").fit(given, label, count)

    line = Line.of(score, label, count)(given)
    curve = Steps.of(score, label, count)(fresh)

    np.testing.assert_allclose(line, platt.predict_proba(logit)[:, 1], atol=2e-4)
    wanted = (1 - ORDER) * steps.predict(fresh) + ORDER * fresh
    np.testing.assert_allclose(curve, wanted, atol=1e-9)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_what_counts_more_on_validation_counts_more_in_the_curve(method):
    learn, stop, _ = split_examples(draw_log(events=1500))
    stop = replace(stop, weight=np.where(stop.label > 0, 8, 1).astype(np.float32))
    there = stop.candidates.proposed

    fitted = Calibrated(RecencyLogit(), method).fit(
        learn, stop, run=Run(np.random.default_rng(0))
    )

    weight, label = stop.weights[there], stop.label[there]
    said = fitted.score(stop.requests, stop.candidates)[there]
    came, plain = np.average(label, weights=weight), label.mean()
    assert came > 2 * plain
    assert np.average(said, weights=weight) == pytest.approx(came, rel=0.02)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_what_was_too_sure_comes_true_as_often_as_it_says(method):
    (score, label), (fresh, happened) = overconfident(seed=0), overconfident(seed=1)

    curve = CURVES[method].of(score, label, np.ones_like(score))
    mended = curve(fresh.astype(np.float64))

    assert calibration_error(happened, fresh) > 0.1
    assert calibration_error(happened, mended) < 0.035


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_the_order_stays_and_what_is_sure_stays_a_probability(method):
    score, label = overconfident(500)
    mend = CURVES[method].of(score, label, np.ones_like(score))
    fresh = np.linspace(0.01, 0.99, 500)

    assert (np.diff(mend(fresh)) > 0).all()
    assert np.isfinite(mend(EDGE.astype(np.float64))).all()


def test_labels_of_validation_that_are_all_alike_are_refused():
    learn, stop, _ = split_examples(draw_log(events=1500))
    stop.label[:] = 0

    with pytest.raises(DataError, match="validation has the same label"):
        Calibrated().fit(learn, stop, run=Run(np.random.default_rng(0)))


def test_a_click_model_is_calibrated_as_a_ranker_is():
    learn, stop, judge = split_examples(draw_log(events=1500))
    network = tg.NeuralRanker(tg.MLP((4,)), training=_short())
    ranker = Calibrated(network)

    fitted = ranker.fit(learn, stop, run=Run(np.random.default_rng(0)))

    assert ranker.name == "MLP, calibrated"
    assert len(fitted.curve.loss) == 1
    assert fitted.score(judge.requests, judge.candidates).max() < 1


def _short():
    return type(tg.NeuralRanker().training)(epochs=1)


def test_a_recipe_names_the_ranker_within():
    table = {
        "model": "Calibrated",
        "method": "isotonic",
        "ranker": {"model": "RecencyLogit", "l2": 0.01},
    }

    assert from_table(table, "rank", "rank") == Calibrated(
        RecencyLogit(l2=0.01), "isotonic"
    )


def test_a_recipe_of_an_unknown_ranker_within_is_refused():
    table = {"model": "Calibrated", "ranker": {"model": "RecencyLogitt"}}

    with pytest.raises(ConfigError, match=r"rank\.Calibrated\.ranker.*RecencyLogit"):
        from_table(table, "rank", "rank")


def test_a_method_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match=r"method\] is 'beta'; it must be 'platt'"):
        from_table({"model": "Calibrated", "method": "beta"}, "rank", "rank")
