import numpy as np
import polars as pl
import pytest

import tidegraph as tg
from conftest import draw_log
from tidegraph.data.interactions import interactions
from tidegraph.errors import DataError, LeakageError
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot


def test_impressions_without_action_are_edges_of_their_own():
    log = interactions(["a", "a", "b"], ["x", "y", "x"], [1, 2, 3], label=[1, 0, 1])
    graph = Snapshot.of(log)

    assert list(graph["action"].node) == [0, 0]
    assert list(graph["impression"].node) == [1]
    assert list(graph["~action"].degree()) == [2, 0]


def test_an_unknown_edge_names_those_there_are():
    with pytest.raises(DataError, match="It has: action, ~action"):
        Snapshot.of(draw_log())["click"]


def test_observing_in_two_parts_equals_building_once():
    log = draw_log()
    half = int(log.time[300])
    grown = Snapshot.of(log.before(half)).observed(log.since(half))
    whole = Snapshot.of(log)

    for edge in ("action", "~action"):
        one, other = grown[edge], whole[edge]
        assert np.array_equal(one.degree(), other.degree())
        assert np.array_equal(one.node[one.slots()], other.node[other.slots()])
        assert np.array_equal(one.time_at(one.slots()), other.time_at(other.slots()))
    assert grown.latest == whole.latest


def test_observing_leaves_the_old_graph_as_it_was():
    log = draw_log()
    half = int(log.time[300])
    graph = Snapshot.of(log.before(half))
    before = graph["action"].node.copy()

    graph.observed(log.since(half))

    np.testing.assert_array_equal(graph["action"].node, before)


def test_a_snapshot_is_queried_as_the_live_graph_of_it_is():
    log = draw_log()
    graph = Snapshot.of(log)
    user = log.users.ids[3]
    clock = int(log.time[400])

    found = graph.V("user", [user]).before(clock).out("action").frame("item", "time")
    batches = graph.E("action").batch(50)

    mine = log.before(clock).frame().filter(pl.col("user") == user)
    assert found.equals(mine.select("item", "time"))
    assert sum(len(batch.source) for batch in batches) == len(log.actions())
    live = Graph(graph).V("user", [user]).before(clock).out("action")
    assert live.frame("item", "time").equals(found)


def test_it_is_shown_as_its_types_and_how_many_there_are():
    log = interactions(["a", "a", "b"], ["x", "y", "x"], [1, 2, 3])

    shown = repr(Snapshot.of(log))

    assert "user (user): 2 nodes" in shown
    assert "action: user -> item, 3 edges" in shown
    assert shown.count("\n") == 4


def test_a_graph_of_a_log_without_times_says_what_its_edges_are_timed_by():
    log = tg.read({"user": ["a", "b"], "item": ["x", "y"]}, time=None)
    graph = Snapshot.of(log)

    assert "2 edges, timed by part of the log" in repr(graph)
    with pytest.raises(LeakageError, match=r"timed by 'part of the log'.*all_time\(\)"):
        graph.V("user", ["a"]).out("action").ids()
    assert graph.V("user", ["a"]).all_time().out("action").ids().to_list() == ["x"]
