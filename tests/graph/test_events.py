from dataclasses import replace

import numpy as np

from conftest import draw_log
from tidegraph.data.interactions import interactions
from tidegraph.graph.events import events_of
from tidegraph.graph.snapshot import Snapshot

COLUMNS = ("user", "item", "time", "label", "weight")


def assert_same(found, expected):
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(found, column), getattr(expected, column))
    assert found.users.ids.equals(expected.users.ids)
    assert found.items.ids.equals(expected.items.ids)


def test_a_graph_gives_back_the_log_it_was_made_of():
    log = draw_log()
    weighed = replace(log, weight=np.linspace(0, 1, len(log), dtype=np.float32))

    assert_same(events_of(Snapshot.of(log)), log)
    assert_same(events_of(Snapshot.of(weighed)), weighed)


def test_impressions_come_back_with_their_label():
    log = interactions(list("abab"), list("xyyx"), [1, 2, 3, 4], label=[1, 0, 0, 1])

    assert_same(events_of(Snapshot.of(log)), log)


def test_observed_events_are_in_it_too():
    log = draw_log()
    early, late = log.before(int(log.time[400])), log.since(int(log.time[400]))

    assert_same(events_of(Snapshot.of(early).observed(late)), log)
