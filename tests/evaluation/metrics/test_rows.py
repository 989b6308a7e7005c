"""No metric spreads one column over another, nor takes one that is no column."""

import math

import numpy as np
import polars as pl
import pytest

from tidegraph.errors import ConfigError, DataError
from tidegraph.evaluation.metrics.classification import (
    auc,
    calibration_error,
    calibration_ratio,
    log_loss,
    log_losses,
    reliability,
    user_auc,
)

LABEL, SCORE = np.array([1, 0, 1, 0]), np.array([0.8, 0.3, 0.4, 0.6])
OF_ROWS = [auc, log_loss, log_losses, reliability, calibration_error, calibration_ratio]


@pytest.mark.parametrize("metric", OF_ROWS)
def test_lists_and_series_are_judged_as_arrays_are(metric):
    expected = metric(LABEL, SCORE)

    for kind in (list, pl.Series):
        found = metric(kind(LABEL.tolist()), kind(SCORE.tolist()))
        same = found.equals if isinstance(found, pl.DataFrame) else found.__eq__
        assert np.all(same(expected))


@pytest.mark.parametrize("metric", OF_ROWS)
@pytest.mark.parametrize("wrong", [LABEL[:, None], LABEL[:1], [1, 0, 1]])
def test_a_label_is_one_for_each_row(metric, wrong):
    with pytest.raises(DataError, match=r"label (is of shape|has)"):
        metric(wrong, SCORE)


@pytest.mark.parametrize("metric", OF_ROWS)
def test_a_value_that_is_no_number_is_named(metric):
    with pytest.raises(DataError, match="of row 2 is nan; it must be a number"):
        metric(LABEL, [0.1, 0.2, math.nan, 0.3])
    with pytest.raises(DataError, match="label of row 1 is None"):
        metric([1, None, 0, 1], SCORE)


def test_users_are_one_for_each_row_too():
    with pytest.raises(DataError, match="user has 1, score has 4"):
        user_auc([7], LABEL, SCORE)
    with pytest.raises(DataError, match=r"user is of shape \(4, 1\)"):
        user_auc(np.zeros((4, 1), int), LABEL, SCORE)

    assert user_auc([7, 7, 8, 8], list(LABEL), SCORE).user.tolist() == [7, 8]


def test_reliability_has_a_bin():
    with pytest.raises(ConfigError, match="bins is 0"):
        reliability(LABEL, SCORE, bins=0)
