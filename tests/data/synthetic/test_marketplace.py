import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegraph.config import build, to_table
from tidegraph.data.interactions import interactions
from tidegraph.data.synthetic import (
    Clicks,
    Lifecycle,
    Marketplace,
    Policy,
    Tastes,
    World,
)
from tidegraph.data.synthetic.attraction import START
from tidegraph.durations import DAY
from tidegraph.errors import ConfigError
from tidegraph.kernels import jit

STILL = Lifecycle(lifetime_days=math.inf, freshness=0.0)
SMALL = Marketplace(users=60, items=40, days=8, visits=400, policy=Policy(slate=5))


def simulated(market: Marketplace, seed: int = 0) -> World:
    return market.simulate(rng=np.random.default_rng(seed))


def at_days(*days: float) -> np.ndarray:
    return START + (np.array(days) * DAY).astype(np.int64)


SIZES = st.fixed_dictionaries(
    {
        "users": st.integers(1, 30),
        "items": st.integers(30, 60),
        "days": st.integers(1, 6),
        "visits": st.integers(1, 40),
    }
)
LIFETIMES = st.sampled_from([8.0, 30.0, math.inf])


@settings(max_examples=20)
@given(sizes=SIZES, days=LIFETIMES, seed=st.integers(0, 2**32), more=st.integers(1, 4))
def test_a_longer_marketplace_begins_with_the_same_events(sizes, days, seed, more):
    market = Marketplace(**sizes, lifecycle=Lifecycle(days), policy=Policy(3))
    short = simulated(market, seed)
    long = simulated(replace(market, days=market.days + more), seed)
    log, same = short.log, long.log.take(slice(0, len(short.log)))

    for column in ("user", "item", "time", "label"):
        np.testing.assert_array_equal(getattr(log, column), getattr(same, column))
    assert log.frame().equals(same.frame())
    np.testing.assert_array_equal(
        short.truth.click_probability(log.user, log.item, log.time),
        long.truth.click_probability(same.user, same.item, same.time),
    )


@settings(max_examples=20)
@given(sizes=SIZES, days=LIFETIMES, seed=st.integers(0, 2**32))
def test_reading_the_log_back_gives_the_same_rows(sizes, days, seed):
    market = Marketplace(**sizes, lifecycle=Lifecycle(days), policy=Policy(3))
    world = simulated(market, seed)
    log = world.log
    frame = log.frame()

    back = interactions(frame["user"], frame["item"], frame["time"], frame["label"])
    numbers = log.items.ids.str.slice(1).cast(int)
    table = log.items.features.with_columns(item=log.items.ids)[np.argsort(numbers)]

    np.testing.assert_array_equal(back.user, log.user)
    np.testing.assert_array_equal(back.item, log.item)
    whole = back.items.with_features(table, "item")
    assert whole.ids.equals(log.items.ids)
    assert whole.features.equals(log.items.features)
    assert len(world.truth.people.profile) == len(log.users) == market.users


def test_the_features_belong_to_the_rows_of_the_truth():
    world = simulated(SMALL)
    features, goods = world.log.items.features, world.truth.goods

    np.testing.assert_array_equal(features["born"].to_numpy(), goods.born)
    assert features["category"].to_list() == [f"c{c}" for c in goods.category]
    profiles = [f"p{p}" for p in world.truth.people.profile]
    assert world.log.users.features["profile"].to_list() == profiles


def test_the_same_rng_gives_the_same_bits_on_one_thread_or_three(monkeypatch):
    monkeypatch.setattr(jit, "cpu_count", lambda: 1)
    alone = simulated(replace(SMALL, visits=2_000))
    monkeypatch.setattr(jit, "cpu_count", lambda: 3)
    together = simulated(replace(SMALL, visits=2_000))

    assert alone.log.frame().equals(together.log.frame())
    for a, b in zip(alone.truth.goods, together.truth.goods, strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_seed_gives_another_world():
    assert not simulated(SMALL, 0).log.frame().equals(simulated(SMALL, 1).log.frame())


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Marketplace(users=0), r"\[marketplace.users\] is 0; .* from 1"),
        (lambda: Marketplace(days=-1), r"\[marketplace.days\] is -1; .* from 1"),
        (lambda: Tastes(drift=-0.1), r"\[tastes.drift\] is -0.1; .* from 0"),
        (lambda: Tastes(spread=math.nan), r"\[tastes.spread\] is nan"),
        (lambda: Tastes(period_days=0.0), r"\[tastes.period_days\] is 0"),
        (lambda: Lifecycle(lifetime_days=0.5), r"lifetime_days\] is 0.5; .* from 1"),
        (lambda: Lifecycle(peak_days=math.inf), r"\[lifecycle.peak_days\] is inf"),
        (lambda: Clicks(position=-1.0), r"\[clicks.position\] is -1.0; .* from 0"),
        (lambda: Policy(slate=0), r"\[policy.slate\] is 0; .* from 1 to 1000"),
        (lambda: Policy(top_exploration=1.5), r"top_exploration\] is 1.5; .* 0 to 1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(make, sentence):
    with pytest.raises(ConfigError, match=sentence):
        make()


def test_a_marketplace_that_runs_out_of_items_says_what_to_do():
    market = Marketplace(items=1, days=60, visits=1, lifecycle=Lifecycle(3.0))

    with pytest.raises(ConfigError, match=r"no item on offer on day .* Raise items"):
        simulated(market)


def test_settings_survive_a_recipe():
    market = replace(SMALL, lifecycle=STILL, tastes=Tastes(drift=0.25))

    assert build(Marketplace, to_table(market), "marketplace") == market


def test_a_seed_is_as_good_as_a_generator_of_it():
    market = Marketplace(users=20, days=2)

    one, other = market.simulate(rng=3), market.simulate(rng=np.random.default_rng(3))

    assert one.log.frame().equals(other.log.frame())
