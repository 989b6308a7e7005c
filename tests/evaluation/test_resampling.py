import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from tidegraph.evaluation.rankers import evaluate_runs
from tidegraph.evaluation.resampling import (
    LANES,
    Impressions,
    measured_metrics,
    resampled_means,
)
from tidegraph.evaluation.significance import user_weights

USERS, ROWS, DRAWS = 15, 120, LANES + 3


@pytest.fixture
def rows() -> Impressions:
    rng = np.random.default_rng(2)
    user = np.concatenate([np.arange(USERS), rng.integers(0, USERS, ROWS - USERS)])
    label = rng.random(ROWS) < 0.4
    return Impressions(user, label, np.arange(USERS, dtype=np.int64))


def probabilities(rows: Impressions, seed: int) -> np.ndarray:
    """Rounded, so that many are tied."""
    rng = np.random.default_rng(seed)
    score = 0.3 * rows.label + 0.6 * rng.random(len(rows.label)) + 0.05
    return score.round(1).astype(np.float32)


def by_loops(user, label, score) -> list[float]:
    """AUC, GAUC, macro-AUC and log loss of copies of users, one user at a time."""
    own, sizes = [], []
    for one in np.unique(user):
        mine = user == one
        if 0 < label[mine].sum() < mine.sum():
            own.append(roc_auc_score(label[mine], score[mine]))
            sizes.append(mine.sum())
    return [
        roc_auc_score(label, score),
        np.average(own, weights=sizes),
        np.mean(own),
        log_loss(label, score.astype(np.float64)),
    ]


def test_the_metrics_of_several_runs_are_means_of_those_of_scikit_learn(rows):
    runs = [probabilities(rows, seed) for seed in (0, 1, 2)]
    wanted = np.mean([by_loops(rows.user, rows.label, run) for run in runs], axis=0)

    np.testing.assert_allclose(measured_metrics(rows, runs), wanted, rtol=1e-6)


def test_a_resample_is_what_a_loop_over_its_users_finds(rows):
    runs = [probabilities(rows, seed) for seed in (0, 1)]
    found = resampled_means(rows, runs, DRAWS, seed=7)
    weights = np.concatenate(
        list(user_weights(USERS, DRAWS, np.random.default_rng(7)))
    ).astype(int)

    for draw in range(LANES - 20, DRAWS):  # Of two blocks.
        # Every copy of a user is a user of its own.
        copies = [
            (number, np.flatnonzero(rows.user == one))
            for number, one in enumerate(np.repeat(np.arange(USERS), weights[draw]))
        ]
        user = np.concatenate([np.full(len(at), number) for number, at in copies])
        at = np.concatenate([at for _, at in copies])
        each = [by_loops(user, rows.label[at], run[at]) for run in runs]

        np.testing.assert_allclose(found[draw], np.mean(each, axis=0), rtol=1e-6)


def test_models_are_compared_in_the_same_resamples(rows):
    good, bad = probabilities(rows, 0), probabilities(rows, 1)
    result = evaluate_runs(
        rows, {"good": [good, good], "bad": [bad, bad]}, resamples=500, rng=3
    )
    lead = result.table().filter(model="bad", metric="auc")

    assert lead["gain"][0] == pytest.approx(
        roc_auc_score(rows.label, good) - roc_auc_score(rows.label, bad)
    )
    assert lead["gain_low"][0] <= lead["gain"][0] <= lead["gain_high"][0]


def test_a_run_twice_says_what_it_says_once(rows):
    one, other = probabilities(rows, 0), probabilities(rows, 1)
    once = evaluate_runs(rows, {"a": [one], "b": [other]}, resamples=200)
    twice = evaluate_runs(rows, {"a": [one] * 2, "b": [other] * 2}, resamples=200)

    for left, right in zip(
        once.table().iter_rows(), twice.table().iter_rows(), strict=True
    ):
        assert left == pytest.approx(right, nan_ok=True)
    assert once.scores.equals(twice.scores)
