"""Lists straight from a fitted retriever."""

import numpy as np
import pytest

import tidegraph as tg
from tidegraph.errors import LeakageError

START = 1_600_000_000


def log_of(times, order: bool = False):
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 20, len(times)), rng.integers(0, 15, len(times))
    return tg.interactions(users, items, None if order else times)


TIMED = log_of(START + np.arange(300) * 3_600)
FITTED = [
    tg.ItemKNN().fit(TIMED),
    tg.Blend((tg.ItemKNN(), tg.Popular())).fit(TIMED),
    tg.Pipeline(retrieve=tg.ItemKNN()).fit(TIMED),
]


@pytest.mark.parametrize("fitted", FITTED, ids=lambda one: type(one).__name__)
def test_a_log_that_ends_before_training_did_is_refused(fitted):
    past = TIMED.before(int(TIMED.time[200]))

    with pytest.raises(
        LeakageError, match=r"was trained until .*, but the log ends at"
    ):
        tg.recommend(fitted, past, k=3)


@pytest.mark.parametrize("fitted", FITTED, ids=lambda one: type(one).__name__)
def test_a_log_that_lacks_the_last_event_alone_is_refused(fitted):
    with pytest.raises(LeakageError, match="fit on this one"):
        tg.recommend(fitted, TIMED.before(int(TIMED.time[-1])), k=3)


def test_a_log_without_times_has_no_future_to_leak():
    log = log_of(range(300), order=True)
    fitted = tg.ItemKNN().fit(log)

    assert len(tg.recommend(fitted, log, k=3))
