import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tidegraph.evaluation import significance
from tidegraph.evaluation.significance import (
    bootstrap_means,
    bootstrap_p,
    holm,
    interval,
    paired_test,
    user_weights,
)


def test_three_gains_of_one_sign_are_reached_by_two_of_eight_patterns(rng):
    p = paired_test(np.array([[1.0], [2.0], [3.0]]), rng=rng)

    assert p.tolist() == [2 / 8]


def test_a_tie_with_what_was_seen_counts(rng):
    # Sums of +-0.1 +-0.2 +-0.3: |0| is reached by all, |0.6| by two of eight.
    p = paired_test(np.array([[0.1, 0.1], [0.2, 0.2], [-0.3, 0.3]]), rng=rng)

    assert p.tolist() == [1.0, 0.25]


def test_the_exact_paired_test_agrees_with_scipy(rng):
    difference = rng.normal(0.3, 1.0, 10)
    ours = paired_test(difference[:, None], rng=rng)

    theirs = stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert ours[0] == pytest.approx(theirs.pvalue)


def test_the_sampled_paired_test_agrees_with_the_t_test(rng):
    difference = rng.normal(0.08, 1.0, 800)
    ours = paired_test(difference[:, None], rng=rng)

    theirs = stats.ttest_1samp(difference, 0.0).pvalue
    assert ours[0] == pytest.approx(theirs, abs=0.02)


def test_a_sampled_p_is_never_zero(rng):
    p = paired_test(np.ones((40, 1)), resamples=99, rng=rng)

    assert p[0] == pytest.approx(1 / 100)


def test_users_without_a_value_change_no_p(rng):
    values = np.array([1.0, 2.0, -0.5])
    padded = np.array([1.0, np.nan, 2.0, -0.5])

    alone = paired_test(values[:, None], rng=rng)
    among = paired_test(padded[:, None], rng=rng)

    np.testing.assert_allclose(alone, among)


def test_a_column_without_values_has_no_p_and_no_interval(rng):
    values = np.column_stack([np.full(5, np.nan), np.arange(5.0)])
    low, high = interval(bootstrap_means(values, resamples=50, rng=rng))

    assert np.isnan(paired_test(values, rng=rng)).tolist() == [True, False]
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, False]


def test_under_no_difference_one_test_in_twenty_is_below_a_twentieth(rng):
    difference = rng.normal(size=(60, 2000))
    p = paired_test(difference, resamples=999, rng=rng)

    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.02)


def test_the_interval_agrees_with_scipy(rng):
    values = rng.exponential(size=300)
    low, high = interval(bootstrap_means(values[:, None], resamples=9999, rng=rng))

    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert low[0] == pytest.approx(theirs.low, abs=0.01)
    assert high[0] == pytest.approx(theirs.high, abs=0.01)


def test_columns_see_the_same_resamples(rng):
    values = rng.random((50, 1))
    draws = bootstrap_means(np.hstack([values, values + 1]), resamples=20, rng=rng)

    np.testing.assert_allclose(draws[:, 1] - draws[:, 0], 1)


def test_a_resample_draws_as_many_users_as_there_are(rng, monkeypatch):
    monkeypatch.setattr(significance, "BLOCK_BYTES", 8 * 7 * 4)
    blocks = list(user_weights(7, 10, rng))

    assert [len(b) for b in blocks] == [4, 4, 2]
    assert all((b.sum(axis=1) == 7).all() for b in blocks)


def test_the_mean_is_taken_over_the_users_who_have_a_value(rng):
    draws = bootstrap_means(
        np.array([[3.0], [3.0], [np.nan], [np.nan]]), resamples=200, rng=rng
    )

    assert set(draws[~np.isnan(draws)]) == {3.0}
    # All four draws miss both users with a value in one resample of sixteen.
    assert 0 < np.isnan(draws).mean() < 0.2


def test_holm_multiplies_the_smallest_by_all_and_never_steps_back():
    # Sorted .01 .02 .03 .04 x 4 3 2 1 = .04 .06 .06 .04, the last lifted to .06.
    adjusted = holm(np.array([0.04, 0.01, 0.03, 0.02]))

    np.testing.assert_allclose(adjusted, [0.06, 0.04, 0.06, 0.06])


def test_holm_leaves_out_what_was_not_tested():
    np.testing.assert_allclose(holm(np.array([np.nan, 0.03, 0.5])), [np.nan, 0.06, 0.5])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_the_single_test_and_bonferroni(p):
    raw = np.array(p)
    adjusted = holm(raw)

    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(raw * len(raw), 1)).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()


def test_the_bootstrap_p_counts_draws_on_the_rarer_side_of_zero():
    # 1 of 9 draws is below zero: 2 x (1 + 1) / 10; all zero: both sides, at most 1.
    draws = np.array([[-1.0] + [1.0] * 8, [0.0] * 9, [2.0] * 9, [np.nan] * 9]).T

    np.testing.assert_allclose(bootstrap_p(draws), [0.4, 1.0, 0.2, np.nan])
