"""What is read for some requests, against what is read for all."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from conftest import draw_log
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import interactions
from tidegraph.durations import DAY
from tidegraph.features.columns import Features
from tidegraph.features.context import EventFields
from tidegraph.features.events import StepNumbers
from tidegraph.features.groups import columns_of_groups
from tidegraph.features.neighbors import cross_with_history
from tidegraph.features.reading import PastView, latest_history_items
from tidegraph.features.values import category_codes
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot
from tidegraph.ranking.batches import latest_events
from tidegraph.stages import Requests


def asked(rows):
    """Requests of a log, candidates of each, and the categories."""
    log = draw_log(events=900, users=25, items=30, seed=3)
    rng = np.random.default_rng(3)
    user = rng.integers(0, len(log.users), rows).astype(np.int32)
    time = rng.integers(log.time[100], log.time[-1] + 2, rows)
    requests = Requests.of_users(Snapshot.of(log), user, time)
    item = rng.integers(0, len(log.items), (rows, 4)).astype(np.int32)
    return requests, item, category_codes(log.items, "category")


def test_some_requests_hold_the_events_of_their_own_histories_alone():
    requests, item, category = asked(rows=40)
    rows = np.array([7, 3, 7])

    past = PastView.of(requests, item[rows], category, rows)

    assert len(past.history.node) == np.diff(requests.history.ptr)[rows].sum()


def test_what_is_read_of_some_requests_is_what_is_read_of_all():
    requests, item, category = asked(rows=40)
    rows = np.array([7, 3, 39, 7])
    every = PastView.of(requests, item, category)
    some = PastView.of(requests, item[rows], category, rows)

    found = cross_with_history(some, latest_history_items(some.history, 6))

    expected = cross_with_history(every, latest_history_items(every.history, 6))
    np.testing.assert_array_equal(found.cross, expected.cross[rows])
    np.testing.assert_array_equal(found.knn, expected.knn[rows])


def bought_and_sent_back():
    """a buys x and sends it back, then buys y; b buys x twice and returns one."""
    return interactions(
        ["b", "a", "b", "a", "a", "b"],
        ["x", "x", "x", "x", "y", "x"],
        np.array([0, 1, 2, 3, 4, 5]) * DAY,
        weight=[1.0, 1.0, 1.0, -1.0, 1.0, -1.0],
        context=pl.DataFrame({"device": ["p", "q", "p", "q", "r", "p"]}),
    )


def requests_of(log, users, days):
    user = np.array([log.users.row(one) for one in users], np.int32)
    return Requests.of_users(Snapshot.of(log), user, np.array(days) * DAY)


def items_read(log, rows, history):
    """What is read of the history of each, or of everybody with each item."""
    names = log.items.ids if history else log.users.ids
    return [
        [names[n] for n in rows.node[start:stop].tolist()]
        for start, stop in zip(rows.start, rows.stop, strict=True)
    ]


def test_a_return_and_what_was_sent_back_are_no_events_of_a_history():
    log = bought_and_sent_back()
    requests = requests_of(log, ["a", "a", "b"], [3, 9, 9])
    item = np.zeros((3, 1), np.int32)

    past = PastView.of(requests, item, category_codes(log.items, None))
    *_, there = latest_events(requests, np.arange(3), 3)

    # On day 3 a had not sent x back yet; b kept one of two.
    assert items_read(log, past.history, history=True) == [["x"], ["y"], ["x", "x"]]
    assert there.sum(axis=1).tolist() == [1, 1, 2]


@pytest.mark.parametrize("whole", [True, False])
def test_a_return_is_no_event_of_its_item(whole):
    log = bought_and_sent_back()
    requests = requests_of(log, ["a"], [9])
    x, y = (log.items.row(name) for name in "xy")
    item = np.array([[x, y] * (9 if whole else 1)], np.int32)
    edges = requests.graph["~action"]

    past = PastView.of(requests, item, category_codes(log.items, None))

    assert (len(past.items.start) == len(edges)) or not whole
    found = items_read(log, past.items, history=False)
    assert found[past.item[0, 0]] == ["b", "a", "b"]
    assert found[past.item[0, 1]] == ["a"]


def test_a_return_that_is_observed_counts_as_little():
    log = bought_and_sent_back()
    graph = Graph.of(log.take(np.arange(3)))
    one = graph.snapshot()
    requests = Requests.of_users(one, np.zeros(1, np.int32), np.array([9 * DAY]))
    item, none = np.zeros((1, 1), np.int32), category_codes(log.items, None)
    past = PastView.of(requests, item, none)

    graph.observe(log.take(np.arange(3, 4)))

    later = replace(requests, graph=graph.snapshot())
    assert len(later.graph.edges["action"]) == 4
    found = [view.items for view in (past, PastView.of(later, item, none))]
    assert [int(rows.stop[0] - rows.start[0]) for rows in found] == [3, 3]


def test_what_was_known_of_events_is_that_of_a_request_alone_where_some_are_undone():
    """Requests of one user share events, but not which of them still stand."""
    log = bought_and_sent_back()
    requests = requests_of(log, ["a", "a", "b", "b"], [3, 9, 4, 9])
    groups = ("user", "pair", "events")
    codes, width = category_codes(log.items, None), len(columns_of_groups(groups))
    one = np.ones(width, np.float32)
    of_event = np.stack([0 * one, one])
    features = Features(groups, (), codes, 0 * one, one, of_event)

    found = StepNumbers.of(features, requests, 3).rows(np.arange(4))

    for row in range(4):
        alone = StepNumbers.of(features, requests.rows(row, row + 1), 3)
        np.testing.assert_array_equal(found[row], alone.rows(np.zeros(1, int))[0])


def test_what_is_said_of_events_stands_beside_their_items():
    log = bought_and_sent_back()
    requests = requests_of(log, ["a", "b"], [9, 9])
    said = EventFields(("device",), (Vocabulary.of_different(pl.Series(list("pqr"))),))

    found = said.of_history(requests, np.arange(2), 3)[:, :, 0]

    # a has y, by r; b has x twice, by p.
    assert found.tolist() == [[3, 0, 0], [1, 1, 0]]
