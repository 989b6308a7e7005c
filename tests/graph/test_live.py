import itertools
import math
import threading

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import EVENTS, ITEMS, USERS, answers, graph_of, same, table
from tidegraph.ego.hops import hop
from tidegraph.errors import (
    ConfigError,
    DataError,
    LeftOutColumnWarning,
    TidegraphError,
)
from tidegraph.graph.live import Graph
from tidegraph.graph.storage import append, ingest

LOG = [(0, 0, 10, 1.0), (0, 1, 20, 2.0), (1, 1, 20, 1.0), (0, 2, 30, 1.0)]
ONE = np.array([1], np.int32)


@given(EVENTS, st.lists(st.integers(0, 40), max_size=5), st.booleans())
def test_a_graph_that_grew_answers_as_one_built_at_once(events, cuts, tidy):
    # Late events find their place: parts may overlap in time in any way.
    ends = sorted({min(cut, len(events)) for cut in cuts} | {0, len(events)})
    grown = graph_of(events[: ends[0]], late_seconds=100)
    seen = []
    for start, stop in itertools.pairwise(ends):
        grown.append("click", table(events[start:stop]))
        if tidy:
            grown = Graph(grown.snapshot().compacted(), late_seconds=100)
        seen.append((stop, grown.snapshot()))
    # Every snapshot still answers as the graph of its moment.
    for stop, snapshot in seen:
        whole = graph_of(events[:stop])
        for one, other in zip(answers(snapshot), answers(whole), strict=True):
            assert same(one, other)


def test_two_lines_that_grow_from_one_value_do_not_meet():
    base = graph_of([(0, 0, 1, 1), (0, 1, 2, 1)]).snapshot()
    base = Graph(base).append("click", table([(0, 2, 3, 1)])).snapshot()
    left, right = Graph(base), Graph(base)
    left.append("click", table([(0, 3, 4, 1)]))
    right.append("click", table([(0, 4, 5, 1)]))
    left.append("click", table([(0, 0, 6, 1)]))

    def items(graph):
        return (
            hop("click")
            .recent(9)
            .sample(graph, np.zeros(1, np.int32), np.array([99]))
            .ids[1][0]
        )

    assert items(base).tolist()[:4] == [0, 1, 2, -1]
    assert items(left).tolist()[:6] == [0, 1, 2, 3, 0, -1]
    assert items(right).tolist()[:5] == [0, 1, 2, 4, -1]


def test_what_is_too_late_is_refused_and_nothing_taken_in():
    graph = graph_of([(0, 0, 100, 1)], late_seconds=10)

    graph.append("click", table([(1, 0, 90, 1)]))
    with pytest.raises(DataError, match="11 seconds older than the latest"):
        graph.append("click", table([(1, 1, 200, 1), (1, 0, 89, 1)]))

    assert len(graph.snapshot().edges["click"]) == 2


@pytest.mark.parametrize("late", [-1, -0.5, float("-inf")])
def test_a_graph_that_takes_nothing_is_refused_as_it_is_made(late):
    with pytest.raises(ConfigError, match=r"late_seconds is .*; it must be at least 0"):
        tg.Graph(late_seconds=late)


def test_edges_may_be_late_without_end():
    graph = graph_of([(0, 0, 10**6, 1)], late_seconds=math.inf)

    graph.append("click", table([(1, 0, 1, 1)]))

    assert len(graph.snapshot().edges["click"]) == 2


def test_a_column_that_the_edges_do_not_have_is_warned_of():
    graph = graph_of([(0, 0, 100, 1)])
    more = table([(1, 0, 200, 1)]).with_columns(pl.lit(9.0).alias("discount"))

    with pytest.warns(LeftOutColumnWarning, match="left out: 'discount'"):
        graph.append("click", more)

    assert "discount" not in graph.snapshot().edges["click"].features.columns


def test_each_type_of_a_log_is_late_by_its_own_latest():
    ids, times = (["a", "b"], ["x", "y"]), [50, 100]
    graph = Graph.of(tg.interactions(*ids, times, label=[1, 0]))

    graph.observe(tg.interactions(*ids, [60, 100], label=[1, 0]))
    with pytest.raises(DataError, match="row 1 of the new edges 'impression' is 10 s"):
        graph.observe(tg.interactions(*ids, [70, 90], label=[1, 0]))

    assert len(graph.snapshot().edges["action"]) == 2


def test_of_two_threads_that_define_a_type_one_is_refused(monkeypatch):
    graph, both, said = Graph(), threading.Barrier(2), []
    frame = ingest.as_frame

    def met(*given):
        both.wait(10)
        return frame(*given)

    graph.nodes("u", {"u": ["a", "b"]}, key="u")
    monkeypatch.setattr(ingest, "as_frame", met)

    def define():
        try:
            graph.edges("likes", {"u": ["a"], "v": ["b"]}, "u: u -> v: u")
        except DataError as error:
            said.append(str(error))

    lines = [threading.Thread(target=define) for _ in range(2)]
    for line in lines:
        line.start()
    for line in lines:
        line.join()

    assert len(said) == 1
    assert "has edges 'likes' already" in said[0]


def test_rows_that_are_read_while_edges_get_weights_are_asked_for_theirs(monkeypatch):
    graph = Graph.of(tg.interactions(["a"], ["x"], [1]))
    frame = ingest.as_frame
    table = {"user": ["a"], "item": ["x"], "time": [9]}

    def slow(*given, **settings):
        graph.observe(tg.interactions(["a"], ["x"], [5], weight=[2.0]))
        return frame(*given, **settings)

    monkeypatch.setattr(ingest, "as_frame", slow)
    with pytest.raises(DataError, match="new edges have no column 'weight'"):
        graph.append("action", table)

    assert len(graph.snapshot().edges["action"]) == 2


def test_unknown_ids_become_nodes_and_features_follow_them():
    graph = graph_of([(0, 0, 1, 1)])

    graph.append("click", table([(77, 88, 2, 3)]))
    graph.nodes("item", {"item_id": [88, 0], "price": [9.5, 1.5]}, key="item_id")

    found = graph.V("user", [77]).before(9).out("click").frame()
    assert found.to_dicts() == [
        {"start": 77, "item_id": 88, "price": 9.5, "ts": 2, "w": 3.0}
    ]
    assert graph.V("item", [0, 1]).frame("price")["price"].to_list() == [1.5, 2.0]


def test_rows_can_be_appended_without_ids():
    graph = graph_of([(0, 0, 1, 1)])

    graph.append_rows(
        "click",
        np.array([1], np.int32),
        np.array([2], np.int32),
        np.array([5]),
        {"w": np.array([2.0])},
    )

    assert graph.V("user", [1]).before(9).out("click").ids().to_list() == [2]
    with pytest.raises(DataError, match="rows 9 to 9 are not all 'item' nodes"):
        graph.append_rows(
            "click",
            np.array([1], np.int32),
            np.array([9], np.int32),
            np.array([5]),
            {"w": np.array([2.0])},
        )


def test_times_that_outgrow_32_bits_are_kept_whole():
    graph = graph_of([(0, 0, 5, 1)])

    graph.append("click", table([(0, 1, 2**33, 1)]))

    found = graph.V("user", [0]).before(2**36).out("click").frame("ts")
    assert found["ts"].to_list() == [5, 2**33]


def test_readers_see_whole_snapshots_while_a_writer_appends():
    graph = Graph()
    graph.nodes("user", {"user_id": np.arange(50)}, key="user_id")
    graph.nodes("item", {"item_id": np.arange(50)}, key="item_id")
    none = pl.DataFrame(
        schema={"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Int64}
    )
    graph.edges("click", none, "user_id -> item_id", time="ts")
    wrong, done = [], threading.Event()

    def read() -> None:
        nodes = np.arange(50, dtype=np.int32)
        while not done.is_set():
            now = graph.snapshot()
            events = len(now.edges["click"])
            field = hop("click").all().sample(now, nodes, np.full(50, 2**36))
            back = hop("~click").all().sample(now, nodes, np.full(50, 2**36))
            # Both directions hold the same events, every number once.
            for one in (field, back):
                numbers = np.sort(one.edge[1][one.mask[1]])
                if not np.array_equal(numbers, np.arange(events)):
                    wrong.append(events)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    rng = np.random.default_rng(0)
    for step in range(150):
        user = rng.integers(0, 50, 40).astype(np.int32)
        item = rng.integers(0, 50, 40).astype(np.int32)
        graph.append_rows("click", user, item, np.full(40, step))
    done.set()
    for reader in readers:
        reader.join()

    assert wrong == []
    assert len(graph.snapshot().edges["click"]) == 6000


def test_rows_that_moved_are_tidied_in_the_background():
    graph = graph_of([], late_seconds=10**6)
    rng = np.random.default_rng(1)
    events = [
        (int(u), int(i), int(t), 1)
        for u, i, t in zip(
            rng.integers(0, USERS, 3000),
            rng.integers(0, ITEMS, 3000),
            # Ever earlier: each insertion moves a row.
            np.arange(3000)[::-1],
            strict=True,
        )
    ]
    others = set(threading.enumerate())
    for start in range(0, 3000, 100):
        graph.append("click", table(events[start : start + 100]))
    for thread in set(threading.enumerate()) - others:
        if thread.daemon:
            thread.join(timeout=10)

    assert graph.snapshot().edges["click"].slack < 20 * 3000
    assert all(
        same(a, b)
        for a, b in zip(answers(graph), answers(graph_of(events)), strict=True)
    )


def test_old_snapshots_see_their_moment_through_thousands_of_changes():
    # More changes than a journal has room for, and nodes that come in between.
    rng = np.random.default_rng(2)
    graph = graph_of([(0, 0, 0, 1)])
    events, kept = [(0, 0, 0, 1)], []
    for step in range(1, 60):
        new = [
            (int(u), int(i), step, 1.0)
            for u, i in zip(
                rng.integers(0, 3 + 4 * step, 200), rng.integers(0, 5, 200), strict=True
            )
        ]
        graph.append("click", table(new))
        events += new
        if step in (1, 2, 30, 31, 59):
            kept.append((len(events), graph.snapshot()))
    for count, snapshot in kept:
        size = len(snapshot.nodes["user"])
        whole = Graph(snapshot.compacted())
        ids = snapshot.nodes["user"].vocabulary.ids.to_list()
        rows = {user: row for row, user in enumerate(ids)}
        last = {row: [] for row in range(size)}
        for user, item, time, _ in events[:count]:
            last[rows[user]].append((item, time))

        for graph in (snapshot, whole):
            field = (
                hop("click")
                .recent(5)
                .sample(graph, np.arange(size, dtype=np.int32), np.full(size, 10**6))
            )
            for row in range(size):
                mask = field.mask[1][row]
                found = list(
                    zip(
                        field.ids[1][row][mask].tolist(),
                        field.time[1][row][mask].tolist(),
                        strict=True,
                    )
                )
                assert found == last[row][-5:]


def test_a_failed_append_changes_nothing_and_the_next_one_works(monkeypatch):
    graph = graph_of([(0, 0, 1, 1), (1, 0, 2, 1)])
    graph.append("click", table([(0, 1, 3, 1)]))
    before = graph.snapshot()

    def broken(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(append, "_append_while_room", broken)
        with pytest.raises(MemoryError):
            graph.append("click", table([(0, 2, 4, 1)]))

    assert graph.snapshot() is before
    graph.append("click", table([(0, 3, 5, 1)]))
    whole = graph_of([(0, 0, 1, 1), (1, 0, 2, 1), (0, 1, 3, 1), (0, 3, 5, 1)])
    assert all(same(a, b) for a, b in zip(answers(graph), answers(whole), strict=True))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((np.zeros(5, np.int32), ONE, np.array([40])), "5 sources, 1 targets, 1 times"),
        ((ONE, ONE, None), "have a time, and none was given"),
        ((ONE, ONE, np.array([40_000_000_000_000])), "beyond the year 5138"),
        ((ONE, ONE, np.array([40.5])), "tick=.ms."),
        ((np.array([0.5]), ONE, np.array([40])), "not a list of whole numbers"),
        ((np.array([2**32]), ONE, np.array([40])), "are not all 'user' nodes"),
    ],
)
def test_rows_that_do_not_fit_are_refused_whole(given, said):
    graph = graph_of(LOG)
    before = graph.snapshot()

    with pytest.raises(DataError, match=said):
        graph.append_rows("click", *given, {"w": np.array([1.0])})

    assert graph.snapshot() is before


def test_features_have_a_row_for_each_edge_and_their_type():
    graph = graph_of(LOG)
    with pytest.raises(DataError, match="2 rows of features"):
        graph.append_rows("click", ONE, ONE, np.array([40]), {"w": np.array([1.0, 2])})
    new = {"user_id": [0], "item_id": [1], "ts": [50], "w": ["heavy"]}
    with pytest.raises(DataError, match="'w' of the new edges holds String"):
        graph.append("click", new)


def test_a_value_that_its_column_would_cut_is_refused_and_names_the_mend():
    graph = graph_of(LOG)
    table = {"user_id": [0, 1], "item_id": [1, 2], "dwell": [3, 4]}
    graph.edges("view", table, "user_id -> item_id", weight="dwell")
    said = r"'dwell' .*Float64, and so far Int64: row 1 is 0.9, .* become 0. Round it"

    with pytest.raises(DataError, match=said):
        graph.append_rows("view", [0, 1], [1, 1], None, {"dwell": [2.0, 0.9]})
    with pytest.raises(DataError, match=said):
        graph.append("view", {**table, "dwell": [2.0, 0.9]})
    graph.append("view", {**table, "dwell": [2.0, 5.0]})

    weights = graph.snapshot().edges["view"].out.weight
    assert weights.tolist() == [3, 4, 2, 5]


def test_an_empty_append_is_none():
    graph = graph_of(LOG)

    graph.append("click", table([]))
    graph.append("click", {name: [] for name in table([]).columns})

    assert len(graph.snapshot().edges["click"]) == len(LOG)


def test_a_unit_once_found_is_kept():
    graph = tg.Graph().nodes("u", {"u": [1]}, key="u").nodes("i", {"i": [1]}, key="i")
    graph.edges(
        "click", {"u": [1, 1], "i": [1, 1], "t": [5, 9_000]}, "u -> i", time="t"
    )

    # 2000 alone would read as a year.
    graph.append("click", {"u": [1], "i": [1], "t": [9_000]})
    graph.append("click", {"u": [1], "i": [1], "t": [9_001]})

    assert graph.snapshot().latest == 9_001


def test_edges_of_one_second_keep_their_finer_order():
    graph = tg.Graph(tick="ms").nodes("u", {"u": [1]}, key="u")
    graph.nodes("i", {"i": ["late", "early"]}, key="i")
    base = 1_714_521_600_000
    log = {"u": [1, 1], "i": ["late", "early"], "t": [base + 900, base + 100]}
    graph.edges("click", log, "u -> i", time="t")

    assert graph.V("u", 1).before("2024-05-02").out("click").ids().to_list() == [
        *("early", "late")
    ]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Graph(tick=[1]), "tick"),
        (lambda: Graph().nodes("user", pl.scan_csv("nowhere.csv"), "user"), "nowhere"),
    ],
    ids=["tick", "nodes"],
)
def test_what_is_no_tick_or_table_is_one_sentence(call, said):
    with pytest.raises(TidegraphError, match=said):
        call()


@pytest.mark.parametrize(
    ("time", "features", "said"),
    [
        (9, None, "0 dimensions"),
        ([[1], [2, 3]], None, "no Unix seconds"),
        ([9], {"w": [1], "x": [1, 2]}, "the features of edges 'click' cannot be read"),
    ],
    ids=["scalar", "ragged", "lengths"],
)
def test_times_and_features_that_are_no_columns_are_one_sentence(time, features, said):
    with pytest.raises(DataError, match=said):
        graph_of(LOG).append_rows("click", [0], [0], time, features)
