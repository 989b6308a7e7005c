"""What weighs channels is what users did next, and nobody was told it."""

import numpy as np
import pytest

from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.views.evidence import is_positive, positive_actions
from tidegraph.graph.live import Graph
from tidegraph.retrieval.scoring.trial import NextEvents, next_events, trial_of
from tidegraph.stages import Fold

USERS = 300


@pytest.fixture(scope="module")
def log() -> Interactions:
    """300 users who come at any time, and are shown what some of them leave."""
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, USERS, 6000), rng.integers(0, 90, 6000)
    label = rng.random(6000) < 0.8
    weight = np.where(rng.random(6000) < 0.05, -1, 1)
    return interactions(user, item, np.arange(6000) * 60, label, weight=weight)


def held_out(fold: Fold, most: int = 2000) -> NextEvents:
    trial = trial_of(fold)
    assert trial is not None
    return next_events(trial, most)


def test_half_are_the_newest_and_half_the_last_of_users_who_are_known(log):
    trial, found = trial_of(Fold(log)), held_out(Fold(log))

    assert trial is not None
    cut = int(trial.later.time[0])
    (newest, one_each), (last, due) = found.asked
    assert (newest.time >= cut).all()
    assert (last.time <= cut).all()
    users = np.unique(positive_actions(trial.known.events).user)
    np.testing.assert_array_equal(last.user, users)
    assert len(newest) == len(last) == len(one_each) == len(due)
    assert [len(asked) for asked, _ in held_out(Fold(log), 150).asked] == [150, 150]


def test_what_is_to_be_found_and_what_its_user_did_later_is_not_known(log):
    found = held_out(Fold(log))
    (newest, _), (last, due) = found.asked
    known, trial = found.known.events, trial_of(Fold(log))

    assert trial is not None
    before = trial.known.events
    for user, item in zip(last.user.tolist(), due.item.tolist(), strict=True):
        own = before.take(before.user == user)
        kept = known.take(known.user == user)
        wanted = np.flatnonzero(is_positive(before)[before.user == user])
        assert item == own.item[wanted[-1]]
        assert kept.time.tolist() == own.time[: wanted[-1]].tolist()
    assert len(due.item) == len(last)
    assert known.time[-1] < newest.time.min()


def test_what_is_asked_for_is_wanted_and_each_knows_its_past_alone(log):
    (requests, due), _ = held_out(Fold(log)).asked
    wanted = log.take((log.label == 1) & (log.weight > 0))
    places = np.searchsorted(wanted.time, requests.time)

    np.testing.assert_array_equal(wanted.time[places], requests.time)
    np.testing.assert_array_equal(wanted.item[places], due.item)
    actions = log.take(log.label == 1)
    for row in (0, 7, len(places) - 1):
        past = (actions.user == requests.user[row]) & (
            actions.time < requests.time[row]
        )
        history = requests.history
        own = history.node[history.ptr[row] : history.ptr[row + 1]]
        assert sorted(own.tolist()) == sorted(actions.item[past].tolist())


def test_further_edges_of_what_is_to_be_found_are_not_known_either(log):
    wanted = log.take((log.label == 1) & (log.weight > 0))
    ids = {"user": wanted.users.decode(wanted.user)}
    ids["item"] = wanted.items.decode(wanted.item)
    graph = Graph().nodes("user", {"user": log.users.ids}, key="user")
    graph.nodes("item", {"item": log.items.ids}, key="item")
    # All is looked at a second later once more.
    at = {**ids, "at": wanted.time + 1}
    graph.edges("view", at, "user -> item", time="at")

    found = held_out(Fold(log, edges=graph.snapshot()))

    _, (last, due) = found.asked
    user, item, time = found.known.graph.edge("view").columns()
    trial = trial_of(Fold(log))
    assert trial is not None
    before = positive_actions(trial.known.events)
    for asked, one in zip(last.user.tolist(), due.item.tolist(), strict=True):
        pair = (user == asked) & (item == one)
        assert (time[pair] < before.time[before.user == asked][-1]).all()
    assert len(user) > len(wanted) / 2


def test_users_who_are_too_few_to_say_anything_keep_their_last_event():
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 60, 4000), rng.integers(0, 90, 4000)
    log = interactions(user, item, np.arange(4000))

    found = held_out(Fold(log))

    assert [len(asked) for asked, _ in found.asked] == [400]
    assert len(found.known.events) == 3600


def test_events_of_one_second_are_told_apart_as_leave_last_does():
    rng = np.random.default_rng(0)
    user, basket = np.divmod(np.arange(4000), 20)
    order = np.argsort(basket // 5, kind="stable")
    log = interactions(
        user[order], rng.integers(0, 90, 4000), (basket[order] // 5) * 86400
    )

    found = held_out(Fold(log))

    # Four baskets of five: the newest is the newest part, of the third one is asked.
    _, (last, _) = found.asked
    assert set(np.diff(last.history.ptr)) == {14}


@pytest.mark.parametrize("clock", ["order", "none"])
def test_a_log_without_seconds_is_held_out_as_it_was(log, clock):
    time = None if clock == "none" else log.time
    plain = interactions(log.user, log.item, time, clock=clock)
    trial = trial_of(Fold(plain))
    assert trial is not None

    found = next_events(trial, 2000)

    assert found.known is trial.known
    requests, due = trial.as_of_the_cut(2000)
    ((asked, relevant),) = found.asked
    np.testing.assert_array_equal(asked.user, requests.user)
    np.testing.assert_array_equal(relevant.item, due.item)
