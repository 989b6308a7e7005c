import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from tidegraph.artifact.sealed import load, save
from tidegraph.data.synthetic import (
    Lifecycle,
    Marketplace,
    Policy,
    Tastes,
    Truth,
    World,
)
from tidegraph.data.synthetic.attraction import START, Goods, People, Weights
from tidegraph.durations import DAY
from tidegraph.errors import RequestError

STILL = Lifecycle(lifetime_days=math.inf, freshness=0.0)
SMALL = Marketplace(users=60, items=40, days=8, visits=400, policy=Policy(slate=5))


def simulated(market: Marketplace, seed: int = 0) -> World:
    return market.simulate(rng=np.random.default_rng(seed))


def rows32(*rows: int) -> np.ndarray:
    return np.array(rows, np.int32)


def at_days(*days: float) -> np.ndarray:
    return START + (np.array(days) * DAY).astype(np.int64)


def one_user_and_two_items(weights: Weights) -> Truth:
    """Taste (1, 0) that comes back after 40 days; the second item lives days 10-20."""
    people = People(
        rows32(0),
        np.array([[1, 0]], np.float32),
        np.array([[40, 40]], np.float32),
        np.zeros((1, 2), np.float32),
    )
    goods = Goods(
        rows32(0, 0),
        np.array([[1, 0], [-1, 5]], np.float32),
        np.array([0, 1], np.float32),
        np.ones(2),
        at_days(0, 10),
        at_days(30, 20),
    )
    return Truth(people, goods, weights)


def test_attraction_is_the_sigmoid_of_base_match_and_quality():
    truth = one_user_and_two_items(Weights(0.5, 2.0, 0.0, 0.0, 1.0, 1.0))

    found = truth.attraction(rows32(0, 0), rows32(0, 1), at_days(0, 0))

    # 0.5 + 2 * 1 + 0 and 0.5 + 2 * -1 + 1.
    expected = [1 / (1 + math.exp(-2.5)), 1 / (1 + math.exp(0.5))]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_taste_swings_with_its_period():
    truth = one_user_and_two_items(Weights(0.0, 1.0, 3.0, 0.0, 1.0, 1.0))

    found = truth.attraction(rows32(0), rows32(0), at_days(0, 10, 20, 30, 40))

    # The wave of day t is 3 sin(2 pi t / 40), so the taste is 1, 4, 1, -2, 1.
    np.testing.assert_allclose(np.log(found / (1 - found)), [1, 4, 1, -2, 1], atol=1e-6)


def test_an_item_attracts_most_at_its_peak():
    truth = one_user_and_two_items(Weights(-1.0, 1.0, 0.0, 2.0, 5.0, 1.0))

    found = truth.attraction(rows32(0), rows32(0), at_days(-3, 0, 5, 10))

    # Age over peak is 0, 0, 1, 2: freshness 2 x exp(1 - x) = 0, 0, 2, 4 / e.
    np.testing.assert_allclose(
        np.log(found / (1 - found)), [0, 0, 2, 4 / math.e], atol=1e-9
    )


def test_only_an_item_on_offer_is_clicked():
    truth = one_user_and_two_items(Weights(0.0, 1.0, 0.0, 0.0, 1.0, 1.0))
    time = at_days(10, 20) - np.array([[1], [0]])
    item = np.full((2, 2), 1, np.int32)

    alive = truth.alive(item, time)

    np.testing.assert_array_equal(alive, [[False, True], [True, False]])
    chance = truth.click_probability(np.zeros((2, 2), np.int32), item, time)
    assert ((chance > 0) == alive).all()


def test_an_absent_item_attracts_nobody():
    truth = one_user_and_two_items(Weights(0.0, 1.0, 0.0, 0.0, 1.0, 1.0))

    assert truth.click_probability(rows32(0), rows32(-1), at_days(11))[0] == 0


def test_rank_r_is_looked_at_with_probability_r_to_minus_the_position_bias():
    truth = one_user_and_two_items(Weights(0.0, 1.0, 0.0, 0.0, 1.0, 0.5))

    np.testing.assert_allclose(
        truth.examination(np.array([0, 3, 8])), [1, 1 / 2, 1 / 3]
    )


def test_the_offer_of_a_moment_agrees_with_each_pair_alone():
    world = simulated(SMALL)
    truth, log = world.truth, world.log
    user, time = log.user[::900], log.time[::900]
    items = np.arange(len(log.items), dtype=np.int32)

    offers = truth.click_probabilities(user, time)
    pairs = truth.click_probability(user[:, None], items[None, :], time[:, None])

    np.testing.assert_array_equal(offers, pairs)


def test_no_list_beats_the_best_list():
    world = simulated(replace(SMALL, items=6))
    log, truth = world.log, world.truth
    user, time = log.user[::4001], log.time[::4001]
    items = np.arange(len(log.items), dtype=np.int32)
    lists = np.array(list(itertools.permutations(items, 3)), np.int32)
    best = truth.expected_clicks(user, truth.best(user, time, 3), time)

    for row in range(len(user)):
        same = np.full(len(lists), row)
        others = truth.expected_clicks(user[same], lists, time[same])
        assert others.max() == pytest.approx(best[row], rel=1e-12)


def test_a_best_list_longer_than_the_offer_ends_in_no_item():
    truth = one_user_and_two_items(Weights(0.0, 1.0, 0.0, 0.0, 1.0, 1.0))

    found = truth.best(rows32(0, 0), at_days(5, 15), 3)

    np.testing.assert_array_equal(found, [[0, -1, -1], [0, 1, -1]])


def test_expected_clicks_add_up_over_the_places():
    truth = one_user_and_two_items(Weights(0.0, 0.0, 0.0, 0.0, 1.0, 1.0))
    lists = np.array([[0, 1, -1], [-1, 0, 1]], np.int32)

    found = truth.expected_clicks(rows32(0, 0), lists, at_days(15, 15))

    first, second = 1 / 2, 1 / (1 + math.exp(-1))
    expected = [first + second / 2, first / 2 + second / 3]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_list_that_repeats_an_item_is_refused():
    truth = one_user_and_two_items(Weights(0.0, 0.0, 0.0, 0.0, 1.0, 1.0))

    with pytest.raises(RequestError, match="list 1 holds item 0 twice"):
        truth.expected_clicks(
            rows32(0, 0), np.array([[0, 1], [0, 0]], np.int32), at_days(1, 1)
        )


@pytest.mark.parametrize(("user", "item"), [(1, 0), (-1, 0), (0, 2), (0, -2)])
def test_a_row_outside_the_marketplace_is_refused(user: int, item: int):
    truth = one_user_and_two_items(Weights(0.0, 0.0, 0.0, 0.0, 1.0, 1.0))

    with pytest.raises(RequestError, match="Use the row numbers of its log"):
        truth.click_probability(rows32(user), rows32(item), at_days(1))


def test_a_best_list_of_no_item_is_refused():
    truth = one_user_and_two_items(Weights(0.0, 0.0, 0.0, 0.0, 1.0, 1.0))

    with pytest.raises(RequestError, match="k is 0"):
        truth.best(rows32(0), at_days(1), 0)


def test_the_truth_survives_a_file_bit_for_bit(tmp_path):
    world = simulated(SMALL)
    save(world.truth, tmp_path / "truth")

    back = load(tmp_path / "truth", {"Truth": Truth})

    log = world.log
    assert isinstance(back, Truth)
    np.testing.assert_array_equal(
        back.click_probability(log.user, log.item, log.time),
        world.truth.click_probability(log.user, log.item, log.time),
    )


def logits(truth: Truth, user: np.ndarray, item: np.ndarray, time: np.ndarray):
    chance = truth.attraction(user, item, time)
    return np.log(chance / (1 - chance))


def test_without_drift_and_ageing_nothing_changes_over_time():
    market = replace(SMALL, tastes=Tastes(drift=0.0), lifecycle=STILL)
    truth = simulated(market).truth
    user = np.arange(60, dtype=np.int32)[:, None]

    chance = truth.attraction(user, rows32(7), at_days(0, 3, 77, 400))

    assert (chance == chance[:, :1]).all()


def test_tastes_move_over_a_month_but_not_over_a_minute():
    truth = simulated(replace(SMALL, lifecycle=STILL)).truth
    user = np.arange(60, dtype=np.int32)[:, None]
    item = np.arange(40, dtype=np.int32)[None, :]

    start = logits(truth, user, item, at_days(10))
    minute = logits(truth, user, item, at_days(10) + 60)
    month = logits(truth, user, item, at_days(40))

    assert np.abs(minute - start).max() < 1e-3
    assert np.abs(month - start).mean() > 0.3


def test_drift_is_the_standard_deviation_of_a_taste_over_time():
    tastes = Tastes(dimensions=1, drift=0.8, period_days=10.0)
    market = replace(SMALL, users=400, tastes=tastes, lifecycle=STILL)
    truth = simulated(market).truth
    user = np.arange(400, dtype=np.int32)[:, None]
    # Far more days than the longest period of 20, so that every phase occurs.
    wave = logits(truth, user, rows32(3), at_days(*np.arange(0, 1000, 0.7)))
    deviation = wave.std(axis=1) / abs(float(truth.goods.vector[3, 0]))

    np.testing.assert_allclose(deviation, 0.8, rtol=0.02)
