"""Decays against exact fractions: order is right at any age."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import draw_log
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError, DataError
from tidegraph.retrieval.ease import EASE
from tidegraph.retrieval.heuristics.proximity import AdamicAdar, CommonNeighbors, Katz
from tidegraph.retrieval.item_knn import ItemKNN
from tidegraph.retrieval.knn.similarity import BM25, TFIDF, Cosine, Jaccard
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.repeat import Repeat
from tidegraph.retrieval.rp3beta import RP3beta
from tidegraph.retrieval.scoring.decay import as_float, as_key, sort_keys, split_keys
from tidegraph.retrieval.slim import SLIM
from tidegraph.retrieval.user_knn import UserKNN
from tidegraph.testing.retrievers import requests_at

DAY = 86_400
DECADES = 40 * 365 * DAY

SPARSE = [
    Repeat(half_life_days=1.0),
    ItemKNN(half_life_days=1.0),
    RP3beta(half_life_days=1.0),
    SLIM(l1=0.0, l2=1.0, half_life_days=1.0),
    UserKNN(half_life_days=1.0),
    UserKNN(similarity=TFIDF(), shrinkage=1.0, half_life_days=1.0),
    UserKNN(similarity=BM25(), half_life_days=1.0),
    CommonNeighbors(half_life_days=1.0),
    AdamicAdar(half_life_days=1.0),
]
names = [repr(method) for method in SPARSE]

numbers = st.floats(
    min_value=2.0**-100, max_value=2.0**100, width=32, allow_subnormal=False
)
signed = st.one_of(st.just(0.0), numbers, numbers.map(lambda x: -x))
counts = st.integers(-50, 1 << 33)
gaps = st.one_of(st.integers(-250, 250), st.integers(-(1 << 33), 1 << 33))


@given(a=signed, m=counts, b=signed, gap=gaps)
def test_keys_order_numbers_as_fractions_do(a, m, b, gap):
    # 2^250 is more than any two of the numbers differ by, so a larger gap decides.
    near = max(min(gap, 250), -250)
    x, y = Fraction(a), Fraction(b) / Fraction(2) ** near

    left, right = as_key(a, m), as_key(b, m + gap)

    assert (left < right) == (x < y)
    assert (left == right) == (x == y)


@given(value=numbers, count=st.integers(0, 40))
def test_a_key_gives_its_number_back(value, count):
    key = as_key(value, count)
    part, times = split_keys(np.array([key]))

    assert as_float(key) == value * 0.5**count
    assert 0.5 <= part[0] < 1
    assert float(part[0]) * 2.0 ** -int(times[0]) == value * 0.5**count


def test_numbers_below_the_smallest_float_are_still_in_order():
    key, number = sort_keys(
        np.array([0.9, 0.5, 0.6], np.float32), np.array([15_000, 14_999, 14_999])
    )

    assert number.tolist() == [0.0, 0.0, 0.0]
    assert np.argsort(-key).tolist() == [2, 1, 0]


@given(
    ages=st.lists(
        st.one_of(st.integers(0, 30), st.integers(0, 40_000)), min_size=1, max_size=20
    ),
    seed=st.integers(0, 100),
)
def test_repeat_is_in_the_order_of_the_exact_sums(ages, seed):
    rng = np.random.default_rng(seed)
    rows = len(ages)
    # 24 digits hold every sum of 20 powers that differ by up to 16 halvings; larger
    # gaps between items are between their first digits.
    log = interactions(
        rng.integers(0, 2, rows), rng.integers(0, 6, rows), -np.array(ages) * DAY
    )
    answer = Repeat(half_life_days=1.0).fit(log).retrieve(requests_at(log), 6)
    key = exact_keys(log)

    for user in range(len(log.users)):
        found = [int(i) for i in answer.item[user] if i >= 0]
        values = [key[user][i] for i in found]
        assert set(found) == set(key[user])
        for above, below in pairwise(values):
            assert above >= below * (1 - Fraction(1, 2**22))


def exact_keys(log: Interactions) -> list[dict[int, Fraction]]:
    out: list[dict[int, Fraction]] = []
    for user in range(len(log.users)):
        mine = log.user == user
        newest = int(log.time[mine].max())
        total: dict[int, Fraction] = {}
        for item, time in zip(log.item[mine], log.time[mine], strict=True):
            age = (newest - int(time)) // DAY
            total[int(item)] = total.get(int(item), Fraction(0)) + Fraction(1, 2**age)
        out.append(total)
    return out


@pytest.mark.parametrize("days", [1, 100, 200, 400, 40_000])
def test_a_later_request_changes_no_order(days):
    start = 1_600_000_000
    times = [-10, *(3600 * d for d in range(10)), 5 * 3600, 6 * 3600, 7 * 3600]
    log = interactions(
        ["a"] * 14, ["B", *"AAAAAAAAAA", "B", "C", "C"], [start + t for t in times]
    )
    fitted = Repeat(half_life_days=1.0).fit(log)

    answer = fitted.retrieve(requests_at(log, at=start + DAY * days), 3)

    assert log.items.decode(answer.item[0]).to_list() == ["A", "C", "B"]


@pytest.mark.parametrize("method", SPARSE, ids=names)
def test_the_time_of_the_request_changes_no_answer(method):
    log = draw_log()
    fitted = method.fit(log)

    soon = fitted.retrieve(requests_at(log), 10)
    late = fitted.retrieve(requests_at(log, at=int(log.time[-1]) + DECADES), 10)

    np.testing.assert_array_equal(soon.item, late.item)
    np.testing.assert_array_equal(soon.score, late.score)


def with_a_wrong_clock(log: Interactions) -> Interactions:
    """The log and, decades later, an event of each user with an item of its own."""
    users = np.arange(len(log.users), dtype=np.int32)
    return interactions(
        np.concatenate([log.users.decode(log.user), log.users.decode(users)]),
        np.concatenate([log.items.decode(log.item), np.repeat("own", len(users))]),
        np.concatenate([log.time, np.full(len(users), log.time[-1] + DECADES)]),
    )


@pytest.mark.parametrize("method", SPARSE, ids=names)
def test_one_clock_decades_ahead_does_not_change_the_order_of_the_others(method):
    log = draw_log()
    wrong = with_a_wrong_clock(log)
    fitted = method.fit(log)
    own = len(log.items)

    before = fitted.retrieve(requests_at(log), 40)
    # The model has never seen the wrong event's item: it is of the history only.
    after = fitted.retrieve(requests_at(wrong), 41)

    for row in range(len(log.users)):
        others = after.item[row][(after.item[row] != own) & (after.item[row] >= 0)]
        np.testing.assert_array_equal(others, before.item[row][: len(others)])
        assert len(others) == before.present[row].sum()


def test_neighbours_of_old_items_keep_their_order_beside_a_wrong_clock():
    # y and z are near x, v is near w; a has w with a clock decades ahead.
    log = interactions(
        [*"bbccddddee", "a", "a"],
        [*"xyxyxyxzvw", "x", "w"],
        [*range(10), 20, 20 + DECADES],
    )
    fitted = ItemKNN(half_life_days=1.0).fit(log.take(np.arange(len(log)) < 11))
    a = log.users.row("a")
    requests = requests_at(log).rows(a, a + 1)

    answer = fitted.retrieve(requests, 5)
    reason = fitted.because(requests, answer.item)
    scores = fitted.scores(requests)[0]

    assert log.items.decode(answer.item[0][:3]).to_list() == ["v", "y", "z"]
    assert log.items.decode(reason[0][:3]).to_list() == ["w", "x", "x"]
    assert answer.score[0, 1] == scores[log.items.row("y")] == 0.0


def faded_cosines(log: Interactions, half_life: float) -> np.ndarray:
    """UserKNN's scores by loops, in float64, for a history that floats can hold."""
    seen = Matrix.of(log).csr().toarray().astype(float)
    end = np.array([log.time[log.user == u].max() for u in range(len(seen))])
    faded = np.zeros_like(seen)
    for user, item, time in zip(log.user, log.item, log.time, strict=True):
        faded[user, item] += 0.5 ** ((end[user] - time) / DAY / half_life)
    near = faded @ seen.T
    near /= np.linalg.norm(faded, axis=1)[:, None] * np.linalg.norm(seen, axis=1)
    np.fill_diagonal(near, 0)
    return near @ (seen > 0)


def test_a_faded_history_has_the_cosines_of_a_loop():
    log = draw_log()

    scores = (
        UserKNN(similarity=Cosine(), shrinkage=0.0, half_life_days=3.0)
        .fit(log)
        .scores(requests_at(log))
    )

    expected = faded_cosines(log, 3.0)
    np.testing.assert_allclose(np.maximum(scores, 0), expected, rtol=1e-4)


@pytest.mark.parametrize(
    "method",
    [
        ItemKNN(half_life_days=3.0),
        RP3beta(half_life_days=3.0),
        SLIM(l1=0.0, l2=1.0, half_life_days=3.0),
        AdamicAdar(half_life_days=3.0),
        EASE(l2=5.0, half_life_days=3.0),
    ],
    ids=lambda method: type(method).__name__,
)
def test_the_vote_of_an_item_counts_half_a_half_life_before_the_newest(method):
    log = draw_log()
    fitted = method.fit(log)
    table = fitted.weight if isinstance(method, EASE) else fitted.csr().toarray()
    expected = np.zeros((len(log.users), table.shape[1]))
    for user in range(len(log.users)):
        mine = log.user == user
        newest = log.time[mine].max()
        for item in np.unique(log.item[mine]):
            last = log.time[mine & (log.item == item)].max()
            expected[user] += 0.5 ** ((newest - last) / DAY / 3) * table[item]

    scores = fitted.scores(requests_at(log))

    voted = ~np.isneginf(scores)
    np.testing.assert_allclose(scores[voted], expected[voted], rtol=1e-4, atol=1e-6)


def test_popular_ranks_the_rest_beside_one_clock_decades_ahead():
    log = draw_log()
    wrong = interactions(
        np.append(log.users.decode(log.user), "u0"),
        np.append(log.items.decode(log.item), "late"),
        np.append(log.time, log.time[-1] + DECADES),
    )
    method = Popular(half_life_days=1.0)

    right = method.fit(log)
    flat = method.fit(wrong)

    assert flat.order[0] == wrong.items.row("late")
    np.testing.assert_array_equal(flat.order[1:], right.order)
    answer = flat.retrieve(requests_at(log), 10).item
    np.testing.assert_array_equal(answer[0, 1:], right.order[:9])


def test_popular_reads_an_old_save_without_an_order():
    fitted = Popular().fit(draw_log())
    state = fitted.state()
    old = replace(state, settings={}, arrays={"score": state.arrays["score"]})

    back = type(fitted).from_state(old)

    np.testing.assert_array_equal(back.order, fitted.order)
    assert back.trained_until is None


@pytest.mark.parametrize(
    "method", [*SPARSE, EASE(half_life_days=1.0), Popular(half_life_days=1.0)]
)
def test_a_half_life_is_refused_where_there_are_no_seconds(method):
    log = draw_log()
    positions = replace(log, time=np.arange(len(log)), clock="order")

    for train in (positions, Matrix.of(log)):
        with pytest.raises(DataError, match="half-life counts in days"):
            method.fit(train)


@pytest.mark.parametrize(
    "method", [ItemKNN, UserKNN, RP3beta, SLIM, EASE, Katz, Popular, Repeat]
)
@pytest.mark.parametrize("days", [0.0, -1.0, math.nan])
def test_a_half_life_of_nothing_is_refused(method, days):
    with pytest.raises(ConfigError, match="half_life_days"):
        method(half_life_days=days)


def test_a_half_life_that_would_change_nothing_is_refused():
    with pytest.raises(ConfigError, match="Jaccard compares which items"):
        UserKNN(similarity=Jaccard(), half_life_days=1.0).fit(draw_log())
