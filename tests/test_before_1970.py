"""A log of any century is learned from, answered and judged like one of today."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tidegraph import (
    EASE,
    SLIM,
    ItemKNN,
    Katz,
    PersonalizedPageRank,
    Pipeline,
    Popular,
    RecencyLogit,
    Repeat,
    RP3beta,
    UserKNN,
    check,
    evaluate,
    load,
    read,
)
from tidegraph.evaluation.protocol import (
    at_cut,
    at_each_event,
    at_first_event,
)
from tidegraph.pipeline import Windows

START = 1_600_000_000
WEEK = 7 * 86_400
SHIFTS = {"before": 5_218 * WEEK, "across": 2_650 * WEEK}
"""Whole weeks, so that days and hours of the week stay."""


def moment(second: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(second))


def log(shift: int = 0):
    rng = np.random.default_rng(0)
    rows = 900
    user, hop = rng.integers(0, 40, rows), rng.integers(0, 12, rows)
    time = np.sort(rng.integers(0, 200 * 86_400, rows)) + START - shift
    dates = [moment(second) for second in time]
    return read({"user": user, "item": (3 * user + hop) % 60, "time": dates})


def parts(shift):
    return log(shift).split(fractions=(0.7, 0.15))


CHANNELS = {
    "popular": Popular(half_life_days=10.0),
    "repeat": Repeat(half_life_days=10.0),
    "items": ItemKNN(half_life_days=10.0),
    "users": UserKNN(half_life_days=10.0),
    "walks": RP3beta(half_life_days=10.0),
    "slim": SLIM(half_life_days=10.0),
    "ease": EASE(half_life_days=10.0),
    "katz": Katz(half_life_days=10.0),
    "pagerank": PersonalizedPageRank(half_life_days=10.0),
}


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("channel", CHANNELS)
def test_lists_of_every_retriever_are_those_of_today(channel, shift):
    lists = [
        Pipeline(retrieve=CHANNELS[channel]).fit(log(s)).recommend_all(k=5)
        for s in (0, SHIFTS[shift])
    ]

    assert lists[0].drop("score").equals(lists[1].drop("score"))
    np.testing.assert_allclose(lists[0]["score"], lists[1]["score"], rtol=1e-5)


@pytest.fixture(scope="module")
def model():
    return {shift: fitted(shift) for shift in (0, *SHIFTS.values())}


def fitted(shift):
    train, valid, _ = parts(shift)
    recipe = Pipeline(
        retrieve=(ItemKNN(), Popular(half_life_days=20.0), Repeat()),
        rank=RecencyLogit(),
        candidates=20,
        windows=Windows(2),
    )
    return recipe.fit(train, valid)


@pytest.mark.parametrize("protocol", [at_cut, at_first_event, at_each_event])
@pytest.mark.parametrize("shift", SHIFTS)
def test_a_pipeline_is_judged_as_today(shift, protocol, model):
    means = []
    for s in (0, SHIFTS[shift]):
        train, valid, test = parts(s)
        known = train.followed_by(valid)
        found = evaluate(model[s], test, train=known, protocol=protocol, k=5)
        means.append(str(found).split("\n", 1)[1])

    assert means[0] == means[1]


@pytest.mark.parametrize("shift", SHIFTS)
def test_events_are_observed_and_a_saved_model_answers(shift, model, tmp_path):
    lists = []
    for s in (0, SHIFTS[shift]):
        now = START + 250 * 86_400 - s
        live = Pipeline(retrieve=(Repeat(), Popular())).fit(log(s))
        live.observe([(1, 5, moment(now)), ("new", 7, moment(now + 1))])
        frame = {"user": [2], "item": [9], "time": [moment(now + 2)]}
        live.observe(pl.DataFrame(frame))
        live.save(tmp_path / str(s))
        again = load(tmp_path / str(s))
        answers = [again.recommend(u, k=5, at=moment(now + 9)) for u in (1, 2, "new")]
        lists.append([answer.drop("score", "why").rows() for answer in answers])

    assert lists[0] == lists[1]


@pytest.mark.parametrize("shift", SHIFTS)
def test_splits_and_checks_are_those_of_today(shift):
    today, then = log(), log(SHIFTS[shift])

    assert check(today).leak == check(then).leak
    assert check(today).cold == check(then).cold
    assert check(then).outliers is None
    for one, other in zip(today.leave_last_out(), then.leave_last_out(), strict=True):
        assert one.user.tolist() == other.user.tolist()
    cut = moment(START + 100 * 86_400 - SHIFTS[shift])
    assert [len(p) for p in then.split(time=cut)] == [
        len(p) for p in today.split(time=START + 100 * 86_400)
    ]
    assert f"from {moment(int(then.time[0])):%Y-%m-%d}" in check(then).text()
