import math
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from tidegraph.artifact.sealed import State
from tidegraph.data.interactions import interactions
from tidegraph.errors import DataError
from tidegraph.evaluation.rankers import evaluate_ranker
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import NO_ITEM, Candidates, Examples, Requests


@dataclass(frozen=True, eq=False)
class Given:
    """Gives the probabilities it was given."""

    probability: np.ndarray

    def score(self, requests, candidates) -> np.ndarray:
        return self.probability.astype(np.float32)

    def state(self) -> State:
        return State("Given")


def examples(user: list[int], label: list[list[int]]) -> Examples:
    """One request per row of labels; -1 where a row has no candidate."""
    users = [f"u{u}" for u in range(max(user) + 1)]
    graph = Snapshot.of(interactions(users, ["i"] * len(users), np.arange(len(users))))
    requests = Requests.of_users(
        graph, np.array(user, np.int32), np.full(len(user), 99, np.int64)
    )
    labels = np.array(label)
    item = np.where(labels < 0, NO_ITEM, 0).astype(np.int32)
    candidates = Candidates.of_channel(item, item.astype(np.float32), "test")
    return Examples(requests, candidates, np.maximum(labels, 0).astype(np.float32))


def value(result, metric: str, model: str = "model", column: str = "mean"):
    return result.table().filter(model=model, metric=metric)[column].item()


def test_the_metrics_of_three_users_are_worked_by_hand():
    # Ordered as the rows of docs/evaluation.md; the filling counts nothing.
    cases = examples([0, 0, 1, 2], [[1, 0], [0, -1], [1, 0], [0, -1]])
    model = Given(np.array([[0.75, 0.25], [0.75, 0.0], [0.125, 0.5], [0.875, 0.0]]))
    result = evaluate_ranker(model, cases)

    assert value(result, "auc") == 2.5 / 8
    assert value(result, "gauc") == pytest.approx((3 * 0.75 + 2 * 0) / 5)
    assert value(result, "macro_auc") == 0.375
    right = [0.75, 0.75, 0.25, 0.125, 0.5, 0.125]
    assert value(result, "log_loss") == pytest.approx(-np.log(right).mean())
    # Expected 3.25 clicks, observed 2.
    assert value(result, "calibration_ratio") == pytest.approx(3.25 / 2)
    assert result.dropped == 1
    assert "6 impressions | 1 users have one class only" in str(result)


def test_scores_are_kept_for_every_user():
    cases = examples([0, 0, 1, 2], [[1, 0], [0, -1], [1, 0], [0, -1]])
    model = Given(np.array([[0.75, 0.25], [0.75, 0.0], [0.125, 0.5], [0.875, 0.0]]))
    scores = evaluate_ranker(model, cases).scores

    assert scores["impressions"].to_list() == [3, 2, 1]
    assert scores["positives"].to_list() == [1, 1, 0]
    assert scores["auc"].to_list() == [0.75, 0.0, None]
    assert scores["log_loss"][2] == pytest.approx(-math.log(0.125))


def test_the_impressions_of_one_user_have_no_interval():
    cases = examples([0, 0], [[1, 0], [0, 1]])
    model = Given(np.array([[0.75, 0.25], [0.5, 0.25]]))
    result = evaluate_ranker(model, cases)

    assert value(result, "auc") == 0.625
    assert value(result, "auc", column="low") is None
    assert value(result, "auc", column="high") is None


@pytest.fixture(scope="module")
def compared():
    rng = np.random.default_rng(5)
    chance = rng.random((400, 5))
    cases = examples(
        rng.integers(0, 80, 400).tolist(),
        (rng.random((400, 5)) < chance).astype(int).tolist(),
    )
    noisy = np.clip(chance + rng.normal(0, 0.4, (400, 5)), 0, 1).astype(np.float32)
    others = {"twin": Given(chance), "noisy": Given(noisy)}
    return cases, noisy, evaluate_ranker(Given(chance), cases, against=others)


def test_the_auc_agrees_with_scikit_learn(compared):
    cases, noisy, result = compared

    expected = roc_auc_score(cases.label.ravel(), noisy.ravel())
    assert value(result, "auc", "noisy") == pytest.approx(expected, rel=1e-12)


def test_the_interval_of_the_auc_agrees_with_resampling_users_one_by_one():
    rng = np.random.default_rng(6)
    cases = examples(list(range(40)), rng.integers(0, 2, (40, 3)).tolist())
    score = np.round(rng.random((40, 3)), 1)
    result = evaluate_ranker(Given(score), cases)

    draws = []
    for _ in range(600):
        who = rng.integers(40, size=40)
        draws.append(roc_auc_score(cases.label[who].ravel(), score[who].ravel()))
    low, high = np.quantile(draws, [0.025, 0.975])
    assert value(result, "auc", column="low") == pytest.approx(low, abs=0.03)
    assert value(result, "auc", column="high") == pytest.approx(high, abs=0.03)


def test_true_probabilities_beat_noisy_ones_and_tie_with_themselves(compared):
    _, _, result = compared

    assert value(result, "log_loss", "noisy", "gain") < 0
    assert value(result, "auc", "noisy", "p_holm") < 0.05
    assert value(result, "auc", "twin", "gain") == 0
    assert value(result, "auc", "twin", "p_holm") == 1
    assert value(result, "auc", column="gain") is None
    assert value(result, "auc", column="p") is None


def test_true_probabilities_are_calibrated(compared):
    _, _, result = compared
    curve = result.curves.filter(model="model")

    assert value(result, "calibration_error") < 0.05
    assert value(result, "calibration_ratio") == pytest.approx(1, abs=0.05)
    assert curve["rows"].sum() == 2000
    assert value(result, "calibration_error", "noisy") > 0.05


def test_the_same_seed_gives_the_same_table():
    cases = examples([0, 1, 2], [[1, 0], [0, 1], [1, 0]])
    model = Given(np.array([[0.7, 0.2], [0.3, 0.4], [0.5, 0.6]]))
    a, b = (evaluate_ranker(model, cases, rng=3).table() for _ in range(2))

    assert a.equals(b)


def test_no_candidate_is_nothing_to_judge():
    with pytest.raises(DataError, match="no candidate"):
        evaluate_ranker(Given(np.zeros((1, 1))), examples([0], [[-1]]))


def test_a_score_per_candidate_is_expected():
    with pytest.raises(Exception, match=r"one per candidate|type hint"):
        evaluate_ranker(Given(np.zeros((2, 1))), examples([0], [[1]]))


def test_one_class_has_a_log_loss_and_no_auc():
    table = evaluate_ranker(
        Given(np.array([[0.5, 0.5]])), examples([0], [[0, 0]])
    ).table()
    known = table.filter(pl.col("mean").is_not_null())["metric"].to_list()

    assert known == ["log_loss", "calibration_error"]
