"""A graph without some edges is the graph that never had them."""

from threading import Event, Thread

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import EVENTS, graph_of
from tidegraph.errors import RequestError, TidegraphError
from tidegraph.graph import live
from tidegraph.graph.rewriting.removal import without_edges

LOG = [(0, 0, 1, 1), (0, 1, 5, 2), (1, 0, 2, 1), (0, 0, 9, 3)]


def edges_of(graph: tg.Graph) -> list[tuple]:
    out = graph.V("user").all_time().out("click").frame("start", "item_id", "ts", "w")
    back = graph.V("item").before(99).in_("click").frame("start", "user_id", "ts")
    return [*out.rows(), *back.rows()]


def named(events: list[tuple]) -> pl.DataFrame:
    schema = {"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Int64, "w": pl.Float64}
    return pl.DataFrame(events, schema=schema, orient="row")


@given(EVENTS, st.data())
def test_what_is_left_is_the_graph_that_never_had_them(events, data):
    chosen = st.lists(st.sampled_from(sorted(set(events)) or [(0, 0, 0, 0)]))
    gone = data.draw(chosen) if events else []
    pairs, moments = {e[:2] for e in gone}, {e[:3] for e in gone}
    for table, left in (
        (named(gone), [e for e in events if e not in gone]),
        (
            named(gone).drop("w"),
            [e for e in events if e[:3] not in moments],
        ),
        (named(gone).drop("ts", "w"), [e for e in events if e[:2] not in pairs]),
    ):
        graph = graph_of(events, late_seconds=None).remove("click", table)
        never = graph_of(left, late_seconds=None)

        assert edges_of(graph) == edges_of(never)
        for one in (graph, never):
            one.append("click", named([(0, 0, 3, 1)]))
        assert edges_of(graph) == edges_of(never)


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"where": pl.col("w") > 1}, [0, 2]),
        ({"where": pl.col("user_id") == 0}, [2]),
        ({"where": pl.col("ts") < 5}, [1, 3]),
        ({"between": (None, "1970-01-01T00:00:05")}, [1, 3]),
        ({"between": (2, 9), "where": pl.col("item_id") == 0}, [0, 1, 3]),
        ({"table": {"user_id": [0], "item_id": [0]}, "between": (5, None)}, [0, 1, 2]),
        ({"table": {"user_id": [0], "item_id": [0], "ts": ["1970-01-01"]}}, None),
        ({"table": {"user_id": [], "item_id": []}}, [0, 1, 2, 3]),
    ],
    ids=["feature", "id", "time", "span", "both", "pair", "none", "empty"],
)
def test_edges_go_by_conditions_and_spans_as_well(asked, left):
    graph = graph_of(LOG)
    if left is None:
        with pytest.raises(RequestError, match=r"row 0 .* is no edge 'click'"):
            graph.remove("click", **asked)
        left = range(4)
    else:
        graph.remove("~click" if "where" in asked else "click", **asked)

    assert edges_of(graph) == edges_of(graph_of([LOG[at] for at in left]))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "say which edges 'click' go"),
        ({"table": {"user_id": [0]}}, "no column 'item_id'"),
        ({"table": {"user_id": [0], "item_id": [77]}}, "item 77 is not in the graph; "),
        ({"table": {"user_id": [0, 1], "item_id": [0, 1]}}, "row 1 of the edges"),
        (
            {"table": {"user_id": [0], "item_id": [0], "v": [1]}},
            "no column 'v'; nothing was removed.* They have: user_id, item_id, ts, w",
        ),
        ({"where": pl.col("price") > 1}, "no column 'price'"),
        ({"between": "2024"}, "between is '2024'"),
        ({"between": (1, 2, 3)}, "between is .1, 2, 3."),
    ],
)
def test_what_names_no_edge_removes_none(asked, said):
    graph = graph_of(LOG)
    before = graph.snapshot()

    with pytest.raises(TidegraphError, match=said):
        graph.remove("click", **asked)

    assert graph.snapshot() is before


def test_only_edges_of_one_type_go_and_a_wrong_one_can_be_given_anew():
    graph = graph_of(LOG)
    graph.edges("follows", {"a": [0, 1], "b": [1, 0]}, "a: user -> b: user")
    graph.remove("follows", {"a": [0], "b": [1]})

    assert graph.V("user", [1]).out("follows").ids().to_list() == [0]
    assert graph.V("user", [0]).out("follows").ids().to_list() == []
    assert edges_of(graph) == edges_of(graph_of(LOG))
    with pytest.raises(RequestError, match="have no time to be between"):
        graph.remove("follows", between=(1, 2))


def test_who_appends_amid_a_removal_does_not_wait_and_is_kept(monkeypatch):
    begun, go_on = Event(), Event()

    def slowly(*which):
        begun.set()
        assert go_on.wait(10)
        return without_edges(*which)

    graph = graph_of(LOG)
    monkeypatch.setattr(live, "without_edges", slowly)
    asked = {"user_id": [0], "item_id": [0]}
    removing = Thread(target=graph.remove, args=("click", asked))
    removing.start()
    assert begun.wait(10)
    graph.append("click", named([(0, 0, 10, 1), (3, 3, 11, 1)]))
    amid = removing.is_alive()
    go_on.set()
    removing.join()

    assert amid
    left = [*LOG[1:3], (0, 0, 10, 1), (3, 3, 11, 1)]
    assert edges_of(graph) == edges_of(graph_of(left))


def test_no_file_of_a_graph_holds_what_a_removed_edge_said(tmp_path):
    notes = [f"a long text of some edge, namely of number {n:04}" for n in range(1_000)]
    log = {"u": [f"u{n % 9}" for n in range(1_000)], "i": ["x"] * 1_000, "note": notes}
    graph = tg.Graph().nodes("user", {"u": ["u0"]}, key="u")
    graph.nodes("item", {"i": ["x"]}, key="i").edges("click", log, "u -> i")
    graph.remove("click", where=pl.col("note") == notes[33])
    graph.save(tmp_path / "g")

    files = [p.read_bytes() for p in (tmp_path / "g").rglob("*") if p.is_file()]
    assert not any(notes[33].encode() in file for file in files)
    assert any(notes[34].encode() in file for file in files)


def test_a_model_forgets_events_in_answers_channels_and_files(tmp_path):
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 30, 600), rng.integers(0, 20, 600)
    log = tg.interactions(
        [f"u{u}" for u in users], [f"i{i}" for i in items], np.arange(600) + 10**9
    )
    channels = {"again": tg.Repeat(), "near": tg.UserKNN(neighbors=5)}
    model = tg.Pipeline(channels).fit(log)
    now = 10**9 + 700
    late = [("u3", "i7", now), ("new", "i7", now, 1), ("new", "i8", now, 0)]
    model.observe(late)
    model.forget(late[1:])
    model.forget([late[0], (f"u{users[0]}", f"i{items[0]}", 10**9)])

    graph = model.graph
    assert len(graph.edges["action"]) == 599
    assert len(graph.edges["impression"]) == 0
    assert graph.V("user", ["new"]).all_time().out("action").ids().to_list() == []
    first = graph.V("user", [f"u{users[0]}"]).before(10**9 + 1).out("action")
    assert first.ids().to_list() == []
    row = graph.users.row(f"u{users[0]}")
    assert model.channels()["near"].users.rows.csr()[[row]].nnz == 0
    before = model.recommend("u5", k=5)
    model.save(tmp_path / "model")
    assert tg.load(tmp_path / "model").recommend("u5", k=5).equals(before)
    with pytest.raises(RequestError, match=r"row 0 .* is no edge 'action'"):
        model.forget([late[0]])
    with pytest.raises(RequestError, match="'nobody' is not in the graph; nothing was"):
        model.forget([("u5", "i1", 10**9), ("nobody", "i7", now)])
    assert len(model.graph.edges["action"]) == 599
