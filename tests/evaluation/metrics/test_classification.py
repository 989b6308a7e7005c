import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import roc_auc_score

from tidegraph.errors import DataError
from tidegraph.evaluation.metrics.classification import (
    auc,
    calibration_error,
    calibration_ratio,
    log_loss,
    reliability,
    user_auc,
)

# The rows of docs/evaluation.md: users 0 and 1, and 2 who never acted.
USER = np.array([0, 0, 0, 1, 1, 2])
LABEL = np.array([1, 0, 0, 1, 0, 0])
SCORE = np.array([0.8, 0.3, 0.8, 0.2, 0.6, 0.9])


def test_auc_counts_pairs_in_the_right_order_and_ties_half():
    # .8 beats .3, ties .8, beats .6, loses to .9; .2 loses to all four: 2.5 of 8.
    assert auc(LABEL, SCORE) == 2.5 / 8


def test_auc_of_one_class_is_unknown():
    assert math.isnan(auc(np.ones(3), np.arange(3.0)))


def test_each_user_with_both_classes_has_an_auc():
    # User 0: .8 beats .3 and ties .8, 1.5 of 2. User 1: 0 of 1. User 2 has one class.
    scores = user_auc(USER, LABEL, SCORE)

    assert scores.user.tolist() == [0, 1]
    assert scores.auc.tolist() == [0.75, 0.0]
    assert scores.dropped == 1


def test_gauc_weighs_users_by_their_impressions():
    # (3 x .75 + 2 x 0) / 5
    assert user_auc(USER, LABEL, SCORE).gauc == pytest.approx(0.45)


def test_macro_auc_weighs_users_alike():
    assert user_auc(USER, LABEL, SCORE).macro == 0.375


def test_nobody_with_both_classes_means_no_grouped_auc():
    scores = user_auc(np.array([0, 1]), np.array([1, 0]), np.array([0.5, 0.5]))

    assert math.isnan(scores.gauc)
    assert math.isnan(scores.macro)


def test_log_loss_is_the_surprise_in_nats():
    # -(ln .8 + ln .75) / 2
    loss = log_loss(np.array([1, 0]), np.array([0.8, 0.25]))

    assert loss == pytest.approx(-(math.log(0.8) + math.log(0.75)) / 2)


def test_a_sure_mistake_costs_sixteen_nats():
    assert log_loss(np.array([1]), np.array([0.0])) == pytest.approx(7 * math.log(10))
    assert log_loss(np.array([0]), np.array([1.0])) == pytest.approx(7 * math.log(10))


def test_log_loss_refuses_what_is_no_probability():
    with pytest.raises(DataError, match="from -1 to 2"):
        log_loss(np.array([1, 0]), np.array([2.0, -1.0]))


def test_a_score_that_is_no_number_is_named():
    with pytest.raises(DataError, match="row 1"):
        auc(np.array([1, 0]), np.array([0.5, np.nan]))


def test_calibration_error_is_the_mean_distance_over_bins():
    # Bins {.1, .3} with 0 of 2 and {.6, .8} with 1 of 2: |.2 - 0| and |.7 - .5|.
    label, probability = np.array([0, 0, 1, 0]), np.array([0.1, 0.3, 0.6, 0.8])

    assert calibration_error(label, probability, bins=2) == pytest.approx(0.2)


def test_equal_predictions_share_a_bin_so_a_right_constant_is_calibrated():
    table = reliability(np.array([1, 0, 0, 0]), np.full(4, 0.25), bins=4)

    assert table.rows() == [(4, 0.25, 0.25)]
    assert calibration_error(np.array([1, 0, 0, 0]), np.full(4, 0.25), bins=4) == 0


def test_calibration_ratio_is_expected_over_observed():
    assert calibration_ratio(np.array([1, 0]), np.array([0.9, 0.6])) == 1.5
    assert math.isnan(calibration_ratio(np.zeros(2), np.array([0.9, 0.6])))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 5)), min_size=1)
)
def test_auc_within_users_agrees_with_visiting_all_pairs(rows):
    user = np.array([r[0] for r in rows])
    label = np.array([r[1] for r in rows], np.int8)
    score = np.array([r[2] for r in rows]) / 8
    found = user_auc(user, label, score)

    expected = {}
    for u in sorted(set(user)):
        ups, downs = (
            score[(user == u) & (label == 1)],
            score[(user == u) & (label == 0)],
        )
        if len(ups) and len(downs):
            pairs = ups[:, None] - downs[None, :]
            expected[u] = ((pairs > 0).sum() + (pairs == 0).sum() / 2) / pairs.size
    assert found.user.tolist() == list(expected)
    np.testing.assert_allclose(found.auc, list(expected.values()))


def test_auc_and_log_loss_agree_with_scikit_learn(rng):
    label = rng.integers(0, 2, 500)
    score = np.round(rng.random(500), 2).clip(0.01, 0.99)

    assert auc(label, score) == pytest.approx(roc_auc_score(label, score), rel=1e-12)
    assert log_loss(label, score) == pytest.approx(sklearn_log_loss(label, score))
