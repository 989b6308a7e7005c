from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from evaluation.models import small
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.errors import DataError, LeakageError
from tidegraph.evaluation.protocol import (
    at_cut,
    at_each_event,
    at_first_event,
)
from tidegraph.graph.snapshot import Snapshot

X, Y, Z = 0, 1, 2


def wanted(task) -> list[list[int]]:
    ptr = task.relevant.ptr
    return [task.relevant.item[a:b].tolist() for a, b in pairwise(ptr)]


def known(task) -> list[list[int]]:
    history = task.requests.history
    return [history.rows(r, r + 1).node.tolist() for r in range(len(task))]


def test_each_user_who_acts_later_has_one_request_at_the_cut():
    task = at_cut(*small(), repeat=True)

    assert task.user.to_list() == ["ana", "bo", "cy"]
    assert task.requests.time.tolist() == [20, 20, 20]
    assert known(task) == [[X, Y], [X], []]
    assert wanted(task) == [[X, Z], [Y], [Z]]


def test_without_repeats_only_new_items_count_and_are_allowed():
    task = at_cut(*small(), repeat=False)

    assert wanted(task) == [[Z], [Y], [Z]]
    assert task.requests.excluded.rows(0, 1).item.tolist() == [X, Y]


def test_who_finds_nothing_new_is_left_out_and_counted():
    train, test = small()
    again = test.take(test.item != Z)
    task = at_cut(train, again, repeat=False)

    assert task.user.to_list() == ["bo"]
    assert task.dropped == 1
    assert wanted(task) == [[Y]]
    assert known(task) == [[X]]


def test_nobody_with_anything_new_is_an_error():
    train, test = small()

    with pytest.raises(DataError, match="repeat=True"):
        at_cut(train, test.take(slice(0, 1)), repeat=False)


def test_popularity_counts_training_actions_and_unseen_is_what_it_never_saw():
    task = at_cut(*small(), repeat=True)

    assert task.popularity.tolist() == [2, 1, 0]
    # Two of the four pairs of user and item want z.
    assert task.unseen == 0.5


def test_an_impression_without_action_is_nothing_to_find():
    train, test = small()
    label = np.array([1, 1, 0, 1, 0], np.int8)
    task = at_cut(train, replace(test, label=label), repeat=True)

    assert task.user.to_list() == ["ana", "bo"]
    assert wanted(task) == [[X], [Y]]


@pytest.mark.parametrize("protocol", [at_cut, at_first_event, at_each_event])
def test_a_return_and_a_dislike_are_nothing_to_find(protocol):
    # ana buys z twice and sends one back; bo only dislikes y; cy sends z back.
    log = interactions(
        ["ana", "bo", "cy", "ana", "ana", "ana", "bo", "cy", "cy"],
        ["x", "y", "z", "z", "z", "z", "y", "z", "z"],
        [1, 2, 3, 10, 11, 12, 13, 14, 15],
        weight=[1, 1, 1, 1, 1, -1, -1, 2, -2],
    )
    task = protocol(log.before(10), log.since(10), repeat=True)

    assert set(task.user) == {"ana"}
    assert log.items.decode(task.relevant.item).to_list() == ["z"] * len(task)
    assert len(task) == (2 if protocol is at_each_event else 1)


def test_a_test_log_of_returns_alone_is_refused():
    log = interactions(["a", "b", "a"], ["x", "y", "x"], [1, 2, 9], weight=[2, 2, -1])

    with pytest.raises(DataError, match="weight above 0"):
        at_cut(log.before(5), log.since(5), repeat=True)


def test_a_graph_does_in_place_of_a_log():
    train, test = small()

    from_graph = at_cut(Snapshot.of(train), test, repeat=True)
    assert wanted(from_graph) == wanted(at_cut(train, test, repeat=True))


def test_training_that_reaches_into_the_test_is_refused():
    train, test = small()

    with pytest.raises(LeakageError, match="to 1970-01-01 00:00:24 UTC, but"):
        at_cut(test, test, repeat=True)
    with pytest.raises(LeakageError, match="begins at 1970-01-01 00:00:12 UTC"):
        at_cut(train, train.take(slice(2, 3)), repeat=True)


def test_a_test_log_without_actions_is_refused():
    train, test = small()

    with pytest.raises(DataError, match="no action"):
        at_cut(train, test.take(slice(0, 0)), repeat=True)


def test_logs_that_number_their_ids_differently_are_refused():
    train, _ = small()
    other = interactions(["cy"], ["z"], [30])

    with pytest.raises(DataError, match="number their items differently"):
        at_cut(train, other, repeat=True)
    with pytest.raises(DataError, match="number their items differently"):
        at_each_event(train, other, repeat=True)


@pytest.mark.parametrize(
    ("users", "items"), [("a", "xyz"), ("abc", "x"), ("abc", "xyz"), ("a", "x")]
)
def test_the_log_of_more_users_need_not_be_that_of_more_items(users, items):
    train = interactions(["a", "b"], ["x", "y"], [1, 2])
    count = max(len(users), len(items))
    who, what = users.ljust(count, users[-1]), items.ljust(count, items[-1])
    test = interactions(list(who), list(what), np.arange(10, 10 + count))

    task = at_each_event(train, test, repeat=True)

    assert task.user.to_list() == list(who)
    graph = task.requests.graph
    assert (len(graph.users), len(graph.items)) == (
        max(2, len(users)),
        max(2, len(items)),
    )
    assert [task.items.ids[items[0]] for items in wanted(task)] == list(what)


def test_a_user_beyond_the_graph_is_an_unknown_user():
    log = interactions(["ana", "bo"], ["x", "x"], [1, 2])
    longer = interactions(["ana", "bo", "cy"], ["x", "x", "x"], [1, 2, 3])
    task = at_cut(log, longer.since(3), repeat=True)

    assert task.requests.user.tolist() == [-1]
    assert task.user.to_list() == ["cy"]


def test_each_user_can_have_a_request_at_their_own_first_test_event():
    task = at_first_event(*small(), repeat=True)

    assert task.requests.time.tolist() == [20, 21, 24]
    assert wanted(task) == [[X, Z], [Y], [Z]]


def test_own_time_allows_training_events_of_others_that_are_later():
    log = interactions(["a", "a", "b", "b"], ["x", "y", "x", "y"], [1, 2, 3, 4])
    last = np.array([False, True, False, True])
    task = at_first_event(log.take(~last), log.take(last), repeat=True)

    assert task.requests.time.tolist() == [2, 4]
    assert known(task) == [[X], [X]]


def test_each_event_is_a_request_for_its_item_knowing_those_before_it():
    task = at_each_event(*small(), repeat=True)

    assert task.user.to_list() == ["ana", "bo", "ana", "bo", "cy"]
    assert wanted(task) == [[X], [Y], [Z], [Y], [Z]]
    assert known(task) == [[X, Y], [X], [X, Y, X], [X, Y], []]
    assert task.popularity.tolist() == [2, 1, 0]


def test_an_event_of_an_item_met_before_is_left_out_without_repeats():
    task = at_each_event(*small(), repeat=False)

    assert wanted(task) == [[Y], [Z], [Z]]
    assert task.dropped == 2


def test_events_cannot_be_appended_to_a_graph():
    train, test = small()

    with pytest.raises(DataError, match="log itself"):
        at_each_event(Snapshot.of(train), test, repeat=True)


def test_rewriting_the_test_log_after_the_cut_changes_no_request(log: Interactions):
    cut = int(log.time[400])
    train, test = log.before(cut), log.since(cut)
    item = test.item.copy()
    item[1:] = 0
    rewritten = replace(test, item=item)
    a = at_cut(train, test, repeat=True)
    b = at_cut(train, rewritten, repeat=True)

    assert known(a) == known(b)
    np.testing.assert_array_equal(a.requests.time, b.requests.time)
