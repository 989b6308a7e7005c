"""A retriever that was fitted alone is not asked about another log."""

import gc

import numpy as np
import pytest

import tidegraph as tg
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import DataError, RequestError
from tidegraph.stages import Fold, called, ids_of, rows_of

METHODS = [
    tg.Popular(),
    tg.Repeat(),
    tg.ItemKNN(),
    tg.UserKNN(),
    tg.RP3beta(),
    tg.SLIM(),
    tg.EASE(),
    tg.CommonNeighbors(),
    tg.AdamicAdar(),
    tg.Katz(),
    tg.PersonalizedPageRank(),
    tg.cheby_cf(rank=2),
]
OTHERS = [("v", "a", "user"), ("u", "b", "item")]
UNTIMED = [each for each in METHODS if not isinstance(each, tg.Repeat)]


def log_of(users: str, items: str, events: int = 300, start: int = 1_600_000_000):
    rng = np.random.default_rng(0)
    return tg.interactions(
        [f"{users}{n}" for n in rng.integers(0, 20, events)],
        [f"{items}{n}" for n in rng.integers(0, 15, events)],
        start + np.arange(events) * 3_600,
    )


@pytest.mark.parametrize("method", METHODS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize(("users", "items", "what"), OTHERS)
def test_a_log_of_as_many_others_is_refused(method, users, items, what):
    fitted = method.fit(log_of("u", "a"))
    other = log_of(users, items)

    with pytest.raises(RequestError, match=f"another log: its {what} rows"):
        tg.recommend(fitted, other, k=3)
    train, test = log_of(users, items, start=1_700_000_000).split(fractions=(0.9,))
    with pytest.raises(DataError, match=f"another log: its {what} rows"):
        tg.evaluate(fitted, test, train=train)


@pytest.mark.parametrize("method", METHODS, ids=lambda one: type(one).__name__)
def test_the_same_log_read_again_and_one_that_goes_on_are_answered(method):
    log = log_of("u", "a")
    fitted = method.fit(train=log)
    ids = [side.ids.gather(rows).to_list() for side, rows in sides(log)]
    again = tg.interactions(*ids, log.time)
    more = tg.interactions([*ids[0], "u0"], [*ids[1], "new"], [*log.time, 2**31])

    lists = tg.recommend(fitted, log, k=3)

    assert lists["channel"].unique().to_list() == [called(method)]
    assert lists.equals(tg.recommend(fitted, again, k=3))
    assert set(lists["user"]) == set(tg.recommend(fitted, more, k=3)["user"])


def sides(log):
    return (log.users, log.user), (log.items, log.item)


@pytest.mark.parametrize("method", UNTIMED, ids=lambda one: type(one).__name__)
def test_matrices_and_folds_are_remembered_too(method):
    log = log_of("u", "a")

    for train in (Matrix.of(log), Fold(log), Fold(Matrix.of(log))):
        ids = ids_of(method.fit(train))
        assert ids.users is log.users
        assert ids.items is log.items


def test_nothing_is_remembered_longer_than_what_was_fitted():
    gc.collect()
    held = len(rows_of._IDS)
    fitted = tg.ItemKNN().fit(log_of("u", "a"))
    assert ids_of(fitted) is not None

    del fitted
    gc.collect()

    assert len(rows_of._IDS) <= held
    assert ids_of(object()) is ids_of([]) is None
