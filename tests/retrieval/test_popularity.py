"""The popularity at several moments, summed once, is that of each alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.data.interactions import interactions
from tidegraph.durations import DAY
from tidegraph.retrieval.popular import Popular, popularity_at
from tidegraph.stages import Fold
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import requests_at

DAYS = [None, 1.0, 30.0]


@pytest.mark.parametrize("days", DAYS)
@given(seed=st.integers(0, 1000))
def test_each_moment_has_the_order_that_a_fit_until_then_has(days, seed):
    log = draw_log(seed, events=80, users=8, items=12)
    moments = [int(log.time[at]) + 1 for at in (20, 50, 79)]
    folds = [Fold(log.before(moment)) for moment in moments]
    method = Popular(half_life_days=days)

    for fold, found in zip(folds, method.fit_in_turn(folds), strict=True):
        alone = method.fit(fold)
        assert found.trained_until == alone.trained_until
        assert sorted(found.order) == sorted(alone.order)
        times = 0.0 if days is None else (log.time[-1] - fold.events.time[-1]) / DAY
        factor = 1.0 if days is None else 0.5 ** (times / days)
        np.testing.assert_allclose(found.score, alone.score * factor, rtol=1e-5)


def test_an_old_purchase_that_is_sent_back_later_counts_until_then():
    log = draw_log(events=60, users=5, items=6)
    returned = np.random.default_rng(0).random(60) < 0.3
    log = replace(log, weight=np.where(returned, -1, 1).astype(np.float32))
    folds = [Fold(log.before(int(log.time[at]))) for at in (20, 40, 59)]
    method = Popular(half_life_days=2.0)

    for fold, found in zip(folds, method.fit_in_turn(folds), strict=True):
        alone = method.fit(fold)
        assert np.array_equal(found.score, alone.score)
        assert np.array_equal(found.order, alone.order)


def test_sums_older_than_a_float_can_say_are_in_order_at_each_moment():
    time = np.array([0, 1, 2, 10_000, 10_001]) * DAY
    log = interactions(list("aaaaa"), list("xyzxz"), time)

    first, last = popularity_at(log, [3, 5], half_life_days=1.0)

    assert first.order.tolist() == [2, 1, 0]
    assert last.order.tolist() == [2, 0, 1]


@pytest.mark.parametrize("many", [20, 1_500])
def test_a_list_hides_the_same_in_a_batch_as_alone(many):
    log = draw_log(events=many, users=40, items=60)
    fitted = Popular(half_life_days=None).fit(log)
    asked = requests_at(log, repeat=False)

    together = fitted.retrieve(asked, 10)

    for user in range(0, len(asked), 7):
        alone = fitted.retrieve(asked.rows(user, user + 1), 10)
        assert alone.item.tolist() == together.item[user : user + 1].tolist()
