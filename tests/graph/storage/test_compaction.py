import threading

import numpy as np
import pytest

import tidegraph as tg
from graph.brute import ITEMS, USERS, answers, graph_of, same, table
from tidegraph.ego.negative_plans import negatives
from tidegraph.graph.live import Graph
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.storage import compaction

PLAN = negatives("item", 3, by="degree", avoid="click")


def tidied() -> None:
    """Wait until nobody lays rows close together any more."""
    for thread in threading.enumerate():
        if "_compact" in thread.name:
            thread.join()


@pytest.mark.parametrize("few", [0, 10**6])
def test_what_comes_in_while_rows_are_tidied_is_kept(monkeypatch, few):
    monkeypatch.setattr(compaction, "_MOVED", 0)
    monkeypatch.setattr(compaction, "_TOO_MANY", 10**9)
    monkeypatch.setattr(compaction, "_FEW", few)
    rng = np.random.default_rng(0)
    events = [
        tuple(map(int, e)) for e in rng.integers(0, [USERS, ITEMS, 9, 5], (150, 4))
    ]
    graph = graph_of([], late_seconds=None)
    users, clocks = np.arange(USERS, dtype=np.int32), np.full(USERS, 10)

    for event in events:
        graph.append("click", table([event]))
        PLAN.sample(graph.snapshot(), Seeds.of(users, clocks))
    tidied()

    whole = graph_of(events)
    for one, other in zip(answers(graph), answers(whole), strict=True):
        assert same(one, other)
    one, other = (
        PLAN.sample(g.snapshot(), Seeds.of(users, clocks)) for g in (graph, whole)
    )
    np.testing.assert_array_equal(one.ids, other.ids)


def test_tidy_rows_have_the_indexes_that_the_others_had(monkeypatch):
    graph = graph_of([(0, 0, 1, 1), (1, 1, 2, 1)])
    users, clocks = np.arange(USERS, dtype=np.int32), np.full(USERS, 10)
    PLAN.sample(
        graph.append("click", table([(2, 2, 3, 1)])).snapshot(), Seeds.of(users, clocks)
    )
    monkeypatch.setattr(compaction, "_MOVED", -1)
    monkeypatch.setattr(compaction, "_TOO_MANY", 10**9)
    before = graph["~click"].indexes

    graph.append("click", table([(2, 2, 4, 1)]))
    tidied()

    tidy = graph["~click"].indexes
    assert tidy is not before
    assert tidy.active.is_made
    assert graph["click"].indexes.neighbors.is_made
    assert not tidy.sums.is_made


def test_tidy_rows_have_the_indexes_of_other_weights_too(monkeypatch):
    graph, plan = Graph(), tg.hop("click").sample(2, by="v")
    rows = {"user": [0, 1], "item": [0, 1], "w": [1.0, 1.0], "v": [1.0, 5.0]}
    graph.nodes("user", {"user": [0, 1]}, key="user")
    graph.nodes("item", {"item": [0, 1]}, key="item")
    graph.edges("click", {**rows, "ts": [1, 2]}, "user -> item", time="ts", weight="w")
    graph.append("click", {**rows, "ts": [3, 4]})
    seeds = Seeds.of(np.arange(2, dtype=np.int32), np.full(2, 10))
    plan.sample(graph.snapshot(), seeds)
    monkeypatch.setattr(compaction, "_MOVED", -1)
    monkeypatch.setattr(compaction, "_TOO_MANY", 10**9)
    before = graph["click"].indexes

    graph.append("click", {**rows, "ts": [5, 6]})
    tidied()

    tidy = graph["click"].indexes
    assert tidy is not before
    assert tidy.weighing("v").sums.is_made
    assert not tidy.sums.is_made
    weighed = graph.snapshot().edges["click"].along(back=False, by="v")
    assert weighed.prefix_sums.through[weighed.stop - 1].tolist() == [3, 15]
