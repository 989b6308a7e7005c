"""A graph without some nodes is the graph that never had their edges."""

import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.brute import EVENTS, ITEMS, USERS, graph_of
from tidegraph.data.ids.vocabulary import UNKNOWN, Vocabulary
from tidegraph.errors import DataError, RequestError
from tidegraph.graph.live import Graph


def edges_of(graph: Graph) -> list[tuple]:
    frame = graph.V("user").all_time().out("click").frame("start", "item_id", "ts", "w")
    return frame.rows()


@given(EVENTS, st.sets(st.integers(0, USERS - 1), min_size=1), st.booleans())
def test_what_is_left_is_the_graph_without_their_edges(events, gone, later):
    split = len(events) // 2 if later else len(events)
    graph = graph_of(events[:split], late_seconds=None)
    for user, item, ts, w in events[split:]:
        row = {"user_id": [user], "item_id": [item], "ts": [ts], "w": [float(w)]}
        graph.append("click", row)
    graph.erase("user", sorted(gone))
    never = graph_of([e for e in events if e[0] not in gone])

    left = [row for row in edges_of(never) if row[0] not in gone]
    assert edges_of(graph) == left
    seen = graph.V("item").before(5).in_("click").frame("start", "user_id", "ts")
    assert seen.equals(
        never.V("item").before(5).in_("click").frame("start", "user_id", "ts")
    )
    with pytest.raises(RequestError, match="is not in the graph"):
        graph.V("user", [min(gone)])


def test_an_erased_id_that_comes_again_is_a_new_node():
    graph = graph_of([(0, 0, 1, 1), (1, 0, 2, 1)]).erase("user", 0)
    row = {"user_id": [0], "item_id": [1], "ts": [3], "w": [1.0]}
    graph.append("click", row)

    assert edges_of(graph) == [(1, 0, 2, 1.0), (0, 1, 3, 1.0)]
    assert len(graph.snapshot().typed("user")) == USERS + 1


@pytest.mark.parametrize("ends", [([0], [1]), ([1], [2])], ids=["user", "item"])
def test_no_edge_is_appended_by_rows_to_an_erased_node(ends):
    graph = graph_of([(0, 0, 1, 1), (1, 0, 2, 1)])
    graph.erase("user", [0]).erase("item", [2])
    before = graph.snapshot()

    with pytest.raises(DataError, match="was erased"):
        graph.append_rows("click", *ends, np.array([3]), {"w": [1.0]})

    assert graph.snapshot() is before


def test_items_and_their_features_are_erased_like_users():
    graph = graph_of([(0, 0, 1, 1), (0, 2, 2, 1)]).erase("item", [2])
    items = graph.snapshot().typed("item").vocabulary

    assert edges_of(graph) == [(0, 0, 1, 1.0)]
    assert items.features["price"].to_list() == [0.0, 2.0, None, 6.0, 8.0]
    assert graph.V("item").ids().to_list() == [0, 1, 3, 4]


def test_nothing_is_erased_where_an_id_is_unknown():
    graph = graph_of([(0, 0, 1, 1)])
    with pytest.raises(RequestError, match="user 99 is not in the graph; nothing"):
        graph.erase("user", [0, 99])

    assert len(edges_of(graph)) == 1


def test_older_snapshots_keep_what_they_held():
    graph = graph_of([(0, 0, 1, 1)])
    before = graph.snapshot()
    graph.erase("user", [0])

    assert before["click"].degree().sum() == 1
    assert graph.snapshot()["click"].degree().sum() == 0


@pytest.mark.parametrize("ids", [["secret-person", "other"], [987654321987, 5]])
def test_no_file_of_a_saved_graph_holds_an_erased_id(ids, tmp_path):
    log = {"who": ids, "what": ["a", "b"], "ts": [1, 2]}
    graph = Graph().nodes("user", {"who": ids}, key="who")
    graph.nodes("item", {"what": ["a", "b"]}, key="what")
    graph.edges("click", log, "who -> what", time="ts", time_unit="s")
    trace = ids[0].encode() if isinstance(ids[0], str) else np.int64(ids[0]).tobytes()
    graph.save(tmp_path / "before")
    graph.erase("user", ids[:1]).save(tmp_path / "after")

    def holds(folder) -> bool:
        files = [p for p in folder.rglob("*") if p.is_file()]
        return any(trace in p.read_bytes() for p in files)

    assert holds(tmp_path / "before")
    assert not holds(tmp_path / "after")
    opened = Graph.open(tmp_path / "after")
    assert opened.V("user").ids().to_list() == ids[1:]
    assert opened.V("user").all_time().out("click").frame("what").rows() == [("b",)]


def test_compaction_under_way_does_not_bring_erased_edges_back():
    rng = np.random.default_rng(0)
    size = 4_000
    log = {
        "user_id": rng.integers(0, USERS, size),
        "item_id": rng.integers(0, ITEMS, size),
        "ts": np.sort(rng.integers(0, 99, size)),
        "w": np.ones(size),
    }
    graph = graph_of([], late_seconds=None)
    graph.append("click", log)
    for _ in range(5):
        graph.append("click", log)
        graph.erase("user", graph.V("user").ids().to_list()[:1])
    time.sleep(0.3)

    assert set(graph.V("user").ids()) >= {row[0] for row in edges_of(graph)}


@given(st.lists(st.integers(-9, 9), unique=True, min_size=1), st.data())
def test_a_vocabulary_without_some_ids_finds_the_others(ids, data):
    gone = data.draw(st.lists(st.integers(0, len(ids) - 1), unique=True))
    for values in (ids, [f"id {i}" for i in ids]):
        held = Vocabulary(pl.Series(values)).without(np.array(gone, np.int32))
        expected = [UNKNOWN if r in gone else r for r in range(len(ids))]
        for one in (held, held.in_order(), Vocabulary.from_state(held.state())):
            assert one.encode(pl.Series(values)).tolist() == expected
            assert [one.row(value) for value in values] == expected
            longer = one.extended(pl.Series([*values[:1], values[0]]).unique())
            row = longer.row(values[0])
            assert row == (len(ids) if 0 in gone else 0)
