import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tidegraph.evaluation import significance
from tidegraph.evaluation.significance import (
    bootstrap_means,
    bootstrap_p,
    paired_test,
    percentile_interval,
    tail_bound,
    user_weights,
)


def test_three_gains_of_one_sign_are_reached_by_two_of_eight_patterns(rng):
    p = paired_test(np.array([[1.0], [2.0], [3.0]]), rng=rng).p

    assert p.tolist() == [2 / 8]


def test_a_tie_with_what_was_seen_counts(rng):
    # Sums of +-0.1 +-0.2 +-0.3: |0| is reached by all, |0.6| by two of eight.
    p = paired_test(np.array([[0.1, 0.1], [0.2, 0.2], [-0.3, 0.3]]), rng=rng).p

    assert p.tolist() == [1.0, 0.25]


def test_the_exact_paired_test_agrees_with_scipy(rng):
    difference = rng.normal(0.3, 1.0, 10)
    ours = paired_test(difference[:, None], rng=rng).p

    theirs = stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert ours[0] == pytest.approx(theirs.pvalue)


def test_the_sampled_paired_test_agrees_with_the_t_test(rng):
    difference = rng.normal(0.08, 1.0, 800)
    ours = paired_test(difference[:, None], rng=rng).p

    theirs = stats.ttest_1samp(difference, 0.0).pvalue
    assert ours[0] == pytest.approx(theirs, abs=0.02)


def test_what_no_pattern_reaches_has_the_floor_or_the_sharper_bound(rng):
    # 40 equal gains are reached by 2 of 2^40 patterns.
    clear = np.ones((40, 1))
    weak = np.r_[np.ones(27), -np.ones(13)][:, None]

    found = paired_test(np.hstack([clear, weak]), resamples=99, rng=rng)

    assert found.is_bound.tolist() == [True, False]
    assert 2**-39 <= found.p[0] < 1e-11
    assert found.p[1] >= 2 / 100


def test_where_the_bound_is_weaker_than_the_floor_the_floor_is_given(rng):
    # Seven equal gains: 2 of 128 patterns, which is above the floor of 1 / 100.
    found = paired_test(np.ones((7, 1)), resamples=99, rng=rng)
    several = [paired_test(np.ones((7, 1)), resamples=99, rng=rng) for _ in range(40)]

    assert tail_bound(np.ones((7, 1)))[0] >= 2 / 128
    assert found.p[0] >= 1 / 100
    assert {f.p[0] == 1 / 100 for f in several if f.is_bound[0]} == {True}
    assert min(f.p[0] for f in several if not f.is_bound[0]) == 2 / 100


@given(
    st.lists(
        st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=2, max_size=11
    ).filter(lambda d: abs(sum(d)) > 1e-9)
)
def test_no_exact_p_lies_above_its_bound(difference):
    column = np.array(difference)[:, None]
    exact = paired_test(column, rng=np.random.default_rng(1)).p[0]
    square = (column**2).sum()

    bound = tail_bound(column)[0]
    assert exact <= bound * (1 + 1e-9)
    assert bound <= min(1.0, 2 * np.exp(-(column.sum() ** 2) / (2 * square))) + 1e-9


def test_the_bound_is_near_the_normal_tail_it_bounds(rng):
    difference = rng.normal(0.15, 1.0, 4000)
    z = abs(difference.sum()) / np.sqrt((difference**2).sum())
    tail = 2 * stats.norm.sf(z)

    assert tail < tail_bound(difference[:, None])[0] < 40 * tail


def test_a_bound_is_never_zero_and_nothing_seen_is_bounded_by_one():
    columns = np.stack([np.ones(5000), np.zeros(5000)], axis=1)

    np.testing.assert_allclose(tail_bound(columns), [1e-300, 1.0], rtol=1e-12)


def test_values_below_the_floor_are_as_rare_as_they_say(rng):
    # Under no difference nothing should be called far below the floor of 1 / 100.
    found = paired_test(rng.normal(size=(60, 4000)), resamples=99, rng=rng)

    assert (found.p <= 0.01).mean() == pytest.approx(0.01, abs=0.006)
    assert (found.p < 0.001).mean() <= 0.002


def test_users_without_a_value_change_no_p(rng):
    values = np.array([1.0, 2.0, -0.5])
    padded = np.array([1.0, np.nan, 2.0, -0.5])

    alone = paired_test(values[:, None], rng=rng).p
    among = paired_test(padded[:, None], rng=rng).p

    np.testing.assert_allclose(alone, among)


def test_a_column_without_values_has_no_p_and_no_interval(rng):
    values = np.column_stack([np.full(5, np.nan), np.arange(5.0)])
    low, high = percentile_interval(bootstrap_means(values, resamples=50, rng=rng))

    assert np.isnan(paired_test(values, rng=rng).p).tolist() == [True, False]
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, False]


def test_under_no_difference_one_test_in_twenty_is_below_a_twentieth(rng):
    difference = rng.normal(size=(60, 2000))
    p = paired_test(difference, resamples=999, rng=rng).p

    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.02)


def test_the_interval_agrees_with_scipy(rng):
    values = rng.exponential(size=300)
    low, high = percentile_interval(
        bootstrap_means(values[:, None], resamples=9999, rng=rng)
    )

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


def test_the_bootstrap_p_counts_draws_on_the_rarer_side_of_zero():
    # 1 of 9 draws is below zero: 2 x (1 + 1) / 10; all zero: both sides, at most 1.
    draws = np.array([[-1.0] + [1.0] * 8, [0.0] * 9, [2.0] * 9, [np.nan] * 9]).T

    found = bootstrap_p(draws)
    np.testing.assert_allclose(found.p, [0.4, 1.0, 0.2, np.nan])
    assert found.is_bound.tolist() == [False, False, True, False]
