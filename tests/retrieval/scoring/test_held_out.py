"""What is held out of a log to choose settings, weights and the end of training by."""

import numpy as np
import pytest

from tidegraph.data.interactions import Interactions, interactions
from tidegraph.graph.live import Graph
from tidegraph.retrieval.scoring.held_out import HeldOut
from tidegraph.retrieval.scoring.trial import trial_of
from tidegraph.stages import Fold

DAY = 86400
USERS = 500


@pytest.fixture(scope="module")
def sent_back() -> Interactions:
    """Each user takes three items twice, then another, and sends one of two back."""
    rng = np.random.default_rng(0)
    rows: list[tuple[int, int, int, float]] = []
    for user in range(USERS):
        first, *others, last = rng.choice(50, 4, replace=False)
        for place, item in enumerate((first, *others)):
            rows += [(user, item, (10 + place) * DAY + user, 1.0)]
            rows += [(user, item, (20 + place) * DAY + user, 1.0)]
        rows += [(user, last, 80 * DAY + 2 * user, 1.0)]
        rows += [(user, first, 80 * DAY + 2 * user + 1, -1.0)]
    user, item, time, weight = zip(*rows, strict=True)
    return interactions(user, item, time, weight=weight)


def pairs_of(log: Interactions, above: bool) -> set[tuple[int, int]]:
    """The pairs of the newest events, those above 0 or the others."""
    log = log.since(80 * DAY)
    log = log.take((log.weight > 0) == above)
    return set(zip(log.user.tolist(), log.item.tolist(), strict=True))


def test_what_a_trial_is_to_find_is_no_return(sent_back):
    trial = trial_of(Fold(sent_back))

    assert trial is not None
    asked = set(zip(trial.requests.user.tolist(), trial.item.tolist(), strict=True))
    assert asked <= pairs_of(sent_back, above=True)
    _, relevant = trial.as_of_the_cut(1000)
    assert relevant.count.sum() == len(asked)
    assert (trial.later.weight < 0).any()


def test_what_is_sent_back_later_changes_nothing_that_a_trial_knows(sent_back):
    # All returns come after the newest tenth began.
    moved = np.where(sent_back.weight < 0, 90 * DAY, sent_back.time)
    log = interactions(sent_back.user, sent_back.item, moved, weight=sent_back.weight)

    told, untold = (trial_of(Fold(one)) for one in (log, log.take(log.weight > 0)))

    assert told is not None
    assert untold is not None
    assert told.known.events.frame().equals(untold.known.events.frame())
    # Of 3,500 purchases 350 are held out: three pairs of each user and 150 are known.
    assert len(told.known.matrix.item) == 1650
    history = told.requests.positive.history
    # Three items twice; what is bought last is what is asked for.
    assert set(np.diff(history.ptr)) == {6}
    assert (told.later.weight < 0).sum() == USERS


@pytest.mark.parametrize("clock", ["order", "none"])
def test_a_trial_without_seconds_finds_nothing_that_was_sent_back(sent_back, clock):
    log = interactions(
        sent_back.user,
        sent_back.item,
        None if clock == "none" else sent_back.time,
        weight=sent_back.weight,
        clock=clock,
    )

    trial = trial_of(Fold(log))

    assert trial is not None
    # Each sends one of two purchases of an item back, which leaves a weight of 1.
    assert (log.weight < 0).sum() == USERS
    pair = log.user.astype(np.int64) * len(log.items) + log.item
    left = np.bincount(pair, log.weight)
    assert (left[trial.requests.user * len(log.items) + trial.item] > 0).all()
    assert len(trial.known.events) + len(trial.later) == len(log)


def test_returns_are_no_repeats(sent_back):
    # Of the events that take, 3 of 7 repeat; of only the newest, none does.
    once = sent_back.take((sent_back.time < 19 * DAY) | (sent_back.time > 79 * DAY))
    heavy = np.where(once.time < 19 * DAY, 2, once.weight)
    once = interactions(once.user, once.item, once.time, weight=heavy)

    assert trial_of(Fold(sent_back)).repeat
    assert not trial_of(Fold(once)).repeat


def test_the_newest_item_that_is_held_out_is_no_return(sent_back):
    held = HeldOut.of(Fold(sent_back), "Test", np.random.default_rng(0))

    found = set(zip(held.requests.user.tolist(), held.item.tolist(), strict=True))
    assert found == pairs_of(sent_back, above=True)


def test_what_links_the_two_of_a_held_out_pair_from_then_on_is_held_out_too():
    log = interactions(list("aabb"), list("xyxz"), [1, 20, 2, 30])
    view = {"user": list("aaabb"), "item": list("yyxzz"), "at": [5, 21, 22, 30, 29]}
    graph = Graph().nodes("user", {"user": list("ab")}, key="user")
    graph.nodes("item", {"item": list("xyz")}, key="item")
    graph.edges("view", view, "user -> item", time="at")
    graph.edges("liked", {"item": list("xz"), "user": list("bb")}, "item -> user")

    held = HeldOut.of(
        Fold(log, edges=graph.snapshot()), "Test", np.random.default_rng(0)
    )

    # Of a that is y at 20, of b z at 30: what was seen before is known.
    known = held.known.graph
    user, item, time = known.edge("view").columns()
    pairs = zip(user.tolist(), item.tolist(), time.tolist(), strict=True)
    assert sorted(pairs) == [(0, 0, 22), (0, 1, 5), (1, 2, 29)]
    item, user, _ = known.edge("liked").columns()
    assert list(zip(user, item, strict=True)) == [(1, 0)]


def test_what_was_shown_is_known_but_for_the_held_out_pair_from_then_on():
    # a takes y at 20, b takes z at 30; each was shown things before and after.
    log = interactions(
        list("abaaabbb"),
        list("xxyyzxzz"),
        [1, 2, 20, 5, 21, 22, 30, 31],
        [1, 1, 1, 0, 0, 0, 1, 0],
    )

    held = HeldOut.of(Fold(log), "Test", np.random.default_rng(0))

    known = held.known.events.frame().select("user", "item", "time", "label").rows()
    assert known == [
        ("a", "x", 1, 1),
        ("b", "x", 2, 1),
        ("a", "y", 5, 0),
        ("a", "z", 21, 0),
        ("b", "x", 22, 0),
    ]
    assert "impression" in held.known.graph.edges


def test_a_trial_knows_what_was_shown():
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 50, 3000), rng.integers(0, 40, 3000)
    log = interactions(user, item, np.arange(3000), rng.integers(0, 2, 3000))

    trial = trial_of(Fold(log))

    assert trial is not None
    cut = int(trial.later.time[0])
    known = trial.known.events
    assert known.time.tolist() == list(range(cut))
    # Half were shown and not taken; the newest tenth of what was taken is held out.
    taken = int(log.label.sum())
    assert trial.later.label.sum() == len(trial.item) == taken - int(taken * 0.9)
