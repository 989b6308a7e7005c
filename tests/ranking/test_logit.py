import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from conftest import draw_log
from tidegraph.errors import ConfigError, DataError
from tidegraph.ranking.logit import RecencyLogit, fit_logistic
from tidegraph.run import Run
from tidegraph.testing.rankers import RankerLaws, split_examples


class TestRecencyLogit(RankerLaws):
    ranker = RecencyLogit()


class TestRecencyLogitWithCategory(RankerLaws):
    variant_of = "TestRecencyLogit"
    ranker = RecencyLogit(category="category")


@pytest.mark.parametrize("l2", [1e-3, 0.1, 1.0])
def test_the_weights_are_those_of_scikit_learn(l2):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(500, 6)).astype(np.float32)
    chance = 1 / (1 + np.exp(-(inputs @ rng.normal(size=6) - 1)))
    label = (rng.random(500) < chance).astype(np.float32)

    weight = fit_logistic(inputs, label, l2)

    # scikit-learn sums the loss, we average it.
    oracle = LogisticRegression(C=1 / (l2 * 500), tol=1e-10, max_iter=1000)
    oracle.fit(inputs.astype(np.float64), label)
    np.testing.assert_allclose(weight[:-1], oracle.coef_[0], atol=1e-4)
    np.testing.assert_allclose(weight[-1], oracle.intercept_[0], atol=1e-4)


def test_a_weight_counts_a_row_as_often():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(400, 4)).astype(np.float32)
    label = (rng.random(400) < 0.3).astype(np.float32)
    count = rng.integers(1, 5, 400).astype(np.float32)
    again = np.repeat(np.arange(400), count.astype(int))

    weight = fit_logistic(inputs, label, 0.01, count / count.mean())

    repeated = fit_logistic(inputs[again], label[again], 0.01)
    np.testing.assert_allclose(weight, repeated, atol=1e-6)


def test_many_rows_have_the_weights_that_a_start_at_zero_finds(monkeypatch):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(900, 4)).astype(np.float32)
    label = (rng.random(900) < 0.3).astype(np.float32)
    expected = fit_logistic(inputs, label, 0.01)
    monkeypatch.setattr("tidegraph.ranking.logit.FIRST", 50)

    np.testing.assert_allclose(fit_logistic(inputs, label, 0.01), expected, atol=1e-7)


@pytest.mark.parametrize("period", [2, 3, 5, 8])
def test_many_rows_may_follow_each_other_with_a_period(monkeypatch, period):
    """As the candidates of requests do, of which the first was right."""
    rng = np.random.default_rng(0)
    label = (np.arange(1200) % period == 0).astype(np.float32)
    inputs = rng.normal(size=(1200, 3)).astype(np.float32) + label[:, None]
    expected = fit_logistic(inputs, label, 1e-4)
    for first in (60, 120, 150, 240, 300):
        monkeypatch.setattr("tidegraph.ranking.logit.FIRST", first)

        found = fit_logistic(inputs, label, 1e-4)

        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_half_right_and_no_inputs_is_a_probability_of_one_half():
    weight = fit_logistic(
        np.zeros((4, 1), np.float32), np.array([0, 1, 0, 1], np.float32), 1.0
    )

    np.testing.assert_allclose(weight, [0, 0], atol=1e-9)


def test_labels_that_are_all_alike_teach_nothing():
    learn, stop, _ = split_examples(draw_log(events=1500))
    learn.label[:] = 0

    with pytest.raises(DataError, match="same label"):
        RecencyLogit().fit(learn, stop, run=Run(np.random.default_rng(0)))


def test_a_penalty_of_0_is_refused():
    with pytest.raises(ConfigError, match="l2 is 0"):
        RecencyLogit(l2=0.0)


def test_what_is_predicted_comes_true_as_often_as_predicted():
    learn, stop, _ = split_examples(draw_log(events=1500))
    model = RecencyLogit().fit(learn, stop, run=Run(np.random.default_rng(0)))

    score = model.score(learn.requests, learn.candidates)[learn.candidates.present]

    # The free intercept makes the sums equal at the optimum.
    assert abs(score.sum() - learn.label.sum()) < 0.01


def test_a_group_that_is_left_out_is_no_input():
    parts = split_examples(draw_log(events=1500))
    run = Run(np.random.default_rng(0))

    some = RecencyLogit(groups=("item", "votes")).fit(parts[0], parts[1], run=run)

    channels = parts[0].candidates.channels
    assert some.features.names == (
        *("item_count", "item_gap", "item_unseen", "item_recent_count"),
        *(f"{c} {what}" for c in channels for what in ("voted", "rank")),
    )
    judge = parts[1]
    assert np.isfinite(some.score(judge.requests, judge.candidates)).all()


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (("events",), "looks at no event of a history"),
        (("itm",), "Did you mean 'item'"),
        ((), "has no inputs without groups"),
    ],
)
def test_groups_that_are_no_input_of_it_are_refused(groups, said):
    with pytest.raises(ConfigError, match=said):
        RecencyLogit(groups=groups)
