import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tidegraph.data.synthetic import (
    Clicks,
    Lifecycle,
    Marketplace,
    Policy,
    World,
)
from tidegraph.data.synthetic.attraction import START
from tidegraph.durations import DAY

STILL = Lifecycle(lifetime_days=math.inf, freshness=0.0)
UNIFORM = Policy(slate=5, top_exploration=1.0, bottom_exploration=1.0)
SMALL = Marketplace(users=60, items=40, days=8, visits=400, policy=Policy(slate=5))


def simulated(market: Marketplace, seed: int = 0) -> World:
    return market.simulate(rng=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def busy() -> World:
    """A strong popularity bias at the top, less below, and items that come and go."""
    market = Marketplace(
        users=500,
        items=100,
        days=20,
        visits=5_000,
        lifecycle=Lifecycle(lifetime_days=15.0),
        policy=Policy(slate=5, top_exploration=0.2, bottom_exploration=0.6),
    )
    return simulated(market)


def at_days(*days: float) -> np.ndarray:
    return START + (np.array(days) * DAY).astype(np.int64)


def test_clicks_are_as_probable_as_the_truth_says(busy: World):
    log, truth = busy.log, busy.truth
    chance = truth.click_probability(log.user, log.item, log.time)
    chance *= truth.examination(log.context["position"].to_numpy())
    tenth = np.searchsorted(np.quantile(chance, np.arange(0.1, 1, 0.1)), chance)

    surplus = np.bincount(tenth, log.label - chance)
    z = surplus / np.sqrt(np.bincount(tenth, chance * (1 - chance)))

    # Ten standard normal numbers: their squares sum to more than 29.6 once in 1,000.
    assert (z**2).sum() < stats.chi2.isf(1e-3, 10)


def test_every_item_shown_was_on_offer_although_many_have_gone(busy: World):
    log, truth = busy.log, busy.truth

    assert truth.alive(log.item, log.time).all()
    assert not truth.alive(log.item, np.full(len(log), log.time[-1])).all()


def test_the_offer_keeps_its_size():
    # Lifetimes of 10 days on average, 100 places: 10 arrivals make up for 10 leaving.
    world = simulated(
        Marketplace(items=100, days=300, visits=1, lifecycle=Lifecycle(10.0))
    )
    items = np.arange(len(world.log.items), dtype=np.int32)[:, None]

    offered = world.truth.alive(items, at_days(*range(300))).sum(axis=0)

    assert offered[0] == 100
    assert 97 < offered.mean() < 103


def expected_shares(world: World, day: int, policy: Policy) -> np.ndarray:
    """Shares of the draws that follow past clicks, worked out from the log alone."""
    log = world.log
    days_ago = day - (log.time - START) // DAY
    past = (days_ago > 0) & (log.label == 1)
    faded = 0.5 ** (days_ago[past] / policy.memory_days)
    fame = 1 + np.bincount(log.item[past], faded, minlength=len(log.items))
    items = np.arange(len(log.items), dtype=np.int32)
    fame[~world.truth.alive(items, at_days(day))] = 0
    fame = np.where(fame > 0, fame**policy.popularity, 0)
    return fame / fame.sum()


@pytest.mark.parametrize("popularity", [0.0, 0.5, 1.0, 1.5])
def test_shown_is_shown_as_often_as_the_logged_propensity_says(popularity: float):
    policy = Policy(3, popularity, 0.1, 0.7, memory_days=2.0)
    market = replace(SMALL, days=5, visits=20_000, policy=policy)
    world = simulated(market)
    log = world.log
    share = expected_shares(world, 4, policy)
    offered = share > 0
    today = log.since(int(at_days(4)[0]))
    position = today.context["position"].to_numpy()

    for place, explored in enumerate([0.1, 0.4, 0.7]):
        propensity = (1 - explored) * share + explored * offered / offered.sum()
        item = today.item[position == place]
        logged = today.context["propensity"].to_numpy()[position == place]
        np.testing.assert_allclose(logged, propensity[item], rtol=1e-5)
        shown = np.bincount(item, minlength=len(share))
        fit = stats.chisquare(shown[offered], 20_000 * propensity[offered])
        assert fit.pvalue > 1e-3


def test_weighting_by_inverse_propensity_recovers_the_uniform_policy(busy: World):
    log, truth = busy.log, busy.truth
    top = log.take(log.context["position"].to_numpy() == 0)
    offers = truth.click_probabilities(top.user, top.time)
    offered = (offers > 0).sum(axis=1)
    uniform = offers.sum(axis=1) / offered
    weight = 1 / (top.context["propensity"].to_numpy() * offered)

    # Each visit's estimate minus its truth has mean 0 whatever happened before it.
    error = top.label * weight - uniform
    naive = top.label - uniform

    root = math.sqrt(len(top))
    assert abs(error.mean()) < 3.3 * error.std() / root
    assert naive.mean() > 10 * naive.std() / root


def test_under_a_uniform_policy_click_rates_fall_as_the_position_bias_says():
    clicks = Clicks(base=0.0, position=0.7)
    world = simulated(replace(SMALL, visits=20_000, policy=UNIFORM, clicks=clicks))
    slates = world.log.label.reshape(-1, 5)

    rate = slates.mean(axis=0)
    error = np.sqrt(rate * (1 - rate) / len(slates))

    expected = rate[0] * np.arange(1, 6) ** -0.7
    # The error of the rate at the top is the same for all, and scaled like them.
    both = np.hypot(error, error[0] * np.arange(1, 6) ** -0.7)
    assert (np.abs(rate - expected)[1:] < 3.5 * both[1:]).all()


def test_popular_items_at_the_top_make_the_naive_position_bias_too_steep(busy: World):
    rate = busy.log.label.reshape(-1, 5).mean(axis=0)

    assert rate[4] / rate[0] < 0.9 / 5


def test_popularity_bias_concentrates_what_is_shown():
    def held_by_the_most_shown(popularity: float) -> float:
        policy = replace(SMALL.policy, popularity=popularity)
        world = simulated(replace(SMALL, lifecycle=STILL, policy=policy))
        shown = np.sort(np.bincount(world.log.item))[::-1]
        return shown[:4].sum() / shown.sum()

    even, some, much = map(held_by_the_most_shown, (0.0, 1.0, 2.0))

    assert even < 0.12 < 1.3 * even < some < much - 0.05


def test_without_bias_every_propensity_is_one_over_the_offer():
    policy = Policy(popularity=0.0)
    world = simulated(replace(SMALL, lifecycle=STILL, policy=policy))

    propensity = world.log.context["propensity"].to_numpy()
    np.testing.assert_allclose(propensity, 1 / 40, rtol=1e-6)


def test_the_log_tells_nothing_of_the_truth():
    log = simulated(SMALL).log

    assert log.context.columns == ["position", "propensity"]
    assert log.users.features.columns == ["profile"]
    assert log.items.features.columns == ["category", "price", "born"]


def test_a_slate_has_one_user_one_time_and_every_position():
    log = simulated(SMALL).log
    user, time = log.user.reshape(-1, 5), log.time.reshape(-1, 5)
    position = log.context["position"].to_numpy().reshape(-1, 5)

    assert (user == user[:, :1]).all()
    assert (time == time[:, :1]).all()
    assert (position == np.arange(5)).all()


def test_the_log_has_as_many_events_as_the_settings_promise():
    assert len(simulated(SMALL).log) == SMALL.impressions == 8 * 400 * 5


def test_some_users_come_often_and_many_rarely():
    visits = np.sort(np.bincount(simulated(SMALL).log.user, minlength=60))

    assert visits[-6:].sum() > 3 * visits[:30].sum() / 5
