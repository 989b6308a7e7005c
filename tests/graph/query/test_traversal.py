import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import EVENTS, ITEMS, USERS, graph_of, past
from tidegraph.errors import ConfigError, DataError, LeakageError, RequestError
from tidegraph.graph.live import Graph

SHOP = [(0, 0, 1, 5), (0, 2, 3, 1), (1, 2, 4, 2), (1, 1, 5, 3), (0, 4, 8, 9)]


@given(EVENTS, st.integers(0, 11))
def test_two_hops_are_what_loops_find(events, clock):
    graph = graph_of(events)
    found = graph.V("user").before(clock).out("click").as_("first").in_("click").frame()

    expected = []
    for user in range(USERS):
        for item, time, *_ in past(events, "click", user, clock):
            # Who arrives has the edge's time for a clock.
            for other, when, weight, _ in past(events, "~click", item, time):
                expected.append((user, item, other, when, float(weight)))
    assert found.rows() == expected


@given(EVENTS, st.integers(0, 11), st.integers(1, 3))
def test_top_is_the_largest_of_each_start(events, clock, count):
    graph = graph_of(events)
    found = graph.V("user").before(clock).out("click").top(count, by="ts")

    for user in range(USERS):
        times = sorted((e[1] for e in past(events, "click", user, clock)), reverse=True)
        mine = found.frame("start", "ts").filter(pl.col("start") == user)
        assert mine["ts"].to_list() == times[:count]


@given(EVENTS, st.integers(0, 11), st.integers(1, 9))
def test_the_future_changes_no_answer(events, clock, days):
    before = [e for e in events if e[2] < clock]
    frames = [
        graph_of(x)
        .V("item")
        .before(clock)
        .within(seconds=days)
        .in_("click")
        .rewind()
        .out("click")
        .sample(3, seed=days)
        .frame()
        for x in (events, before)
    ]
    assert frames[0].equals(frames[1])


def test_conditions_see_features_of_node_and_edge():
    found = (
        graph_of(SHOP)
        .V("user", [0])
        .before(9)
        .out("click")
        .where(pl.col("price") < 8, pl.col("w") > 2)
    )

    assert found.frame("item_id", "ts", "price").rows() == [(0, 1, 0.0)]
    assert len(found.where(pl.col("start") == 1)) == 0


def test_a_clock_for_each_start_and_times_in_words():
    graph = graph_of(SHOP)

    assert graph.V("user", [0, 1]).before(np.array([2, 5])).out("click").count()[
        "count"
    ].to_list() == [1, 1]
    for moment in ("1970-01-01T00:00:04Z", dt.datetime(1970, 1, 1, 0, 0, 4)):
        assert len(graph.V("user", [0]).before(moment).out("click")) == 2


def test_all_time_sees_everything_and_stays_so():
    found = graph_of(SHOP).V("user", [1]).all_time().out("click").in_("click")

    assert sorted(found.frame("user_id", "ts").rows()) == [(0, 3), (1, 4), (1, 5)]


def test_rewind_goes_on_from_the_clock_of_the_start():
    begun = graph_of(SHOP).V("user", [0]).before(9).out("click").in_("click")
    again = graph_of(SHOP).V("user", [0]).before(9).out("click").rewind().in_("click")

    # Item 2 was clicked by user 1 after user 0 had.
    assert begun.ids().to_list() == []
    assert sorted(again.ids().to_list()) == [0, 0, 0, 1]
    assert len(again.dedup()) == 2
    assert again.group_count().rows() == [(0, 0, 3), (0, 1, 1)]


def test_samples_are_subsets_and_limits_are_firsts():
    query = graph_of(SHOP).V("user").before(9).out("click")

    assert query.limit(1).ids().to_list() == [0, 2]
    drawn = {tuple(query.sample(1, seed=s).ids().to_list()) for s in range(40)}
    assert drawn == {(a, b) for a in (0, 2, 4) for b in (2, 1)}
    assert repr(query) == "Query(5 'item' nodes via 'click', from 4 starts)"


def test_columns_of_one_name_are_told_apart():
    graph = Graph().nodes("a", {"id": [1], "x": [5]}, key="id")
    graph.nodes("b", {"key": [2], "x": [6]}, key="key")
    graph.edges("e", {"id": [1], "key": [2], "x": [7]}, "id -> key")
    query = graph.V("a").out("e")

    assert query.frame("b.x", "e.x").rows() == [(6, 7)]
    with pytest.raises(RequestError, match=r"no column 'x' here\. Say b\.x or e\.x"):
        query.frame("x")


def test_edges_without_time_need_no_clock():
    graph = graph_of(SHOP)
    graph.edges("knows", {"a": [0], "b": [1]}, "a: user -> b: user")

    assert graph.V("user", [0]).out("knows").ids().to_list() == [1]
    with pytest.raises(LeakageError, match="needs a clock"):
        graph.V("user", [0]).out("knows").out("click")


def test_mistakes_are_answered_with_a_mend():
    graph = graph_of(SHOP)
    start = graph.V("user", [0]).before(9)
    with pytest.raises(LeakageError, match=r"before\(time\), or all_time\(\)"):
        graph.V("user", [0]).out("click")
    with pytest.raises(RequestError, match="user 99 is not in the graph"):
        graph.V("user", [0, 99])
    for keep in (start.limit, start.sample):
        with pytest.raises(
            ConfigError, match="limit count is -1; it must be at least 0"
        ):
            keep(-1)
    with pytest.raises(RequestError, match="edge is 3; it must be text"):
        start.out(3)
    with pytest.raises(DataError, match=r"no nodes 'shop'\. It has: user, item"):
        graph.V("shop")
    with pytest.raises(DataError, match=r"no edge 'buy'\. It has: click, ~click"):
        start.out("buy")
    with pytest.raises(RequestError, match="From there lead: click"):
        start.out("~click")
    with pytest.raises(RequestError, match="no column 'cost'"):
        start.out("click").where(pl.col("cost") > 1)
    with pytest.raises(RequestError, match="not a truth"):
        start.out("click").where(pl.col("price") + 1)
    with pytest.raises(RequestError, match="set at the start"):
        start.out("click").before(3)
    with pytest.raises(ConfigError, match="holds nothing"):
        start.within(days=0)
    with pytest.raises(RequestError, match="column 'start' already"):
        start.as_("start")
    with pytest.raises(RequestError, match="2 times for 1 rows"):
        graph.V("user", [0]).before(np.array([1, 2]))


def test_building_says_what_is_wrong_and_takes_nothing_in():
    log = {"user_id": [1], "item_id": [2], "ts": [3]}
    graph = Graph().nodes("user", {"user_id": [1]}, key="user_id")
    with pytest.raises(DataError, match="'item_id' is the key of 0 node types"):
        graph.edges("click", log, "user_id -> item_id", time="ts")
    graph.nodes("item", {"item_id": [2]}, key="item_id")
    with pytest.raises(DataError, match="has no column 'when'"):
        graph.edges("click", log, "user_id -> item_id", time="when")
    with pytest.raises(DataError, match="does not say where edges lead"):
        graph.edges("click", log, "user_id, item_id")
    with pytest.raises(DataError, match="no name for an edge"):
        graph.edges("~click", log, "user_id -> item_id")
    with pytest.raises(DataError, match="no feature 'w'"):
        graph.edges("click", log, "user_id -> item_id", weight="w")
    with pytest.raises(
        DataError, match=r"has several rows for item_id 2: row 0, and row 1"
    ):
        graph.nodes("item", {"item_id": [2, 2]}, key="item_id")
    with pytest.raises(DataError, match="row 1: column 'item_id' has no id"):
        graph.edges("c", {"user_id": [1, 1], "item_id": [2, None]}, "user_id->item_id")
    assert list(graph.snapshot().edges) == []
    graph.edges("click", log, "user_id -> item_id", time="ts", time_unit="s")
    with pytest.raises(DataError, match="has edges 'click' already"):
        graph.edges("click", log, "user_id -> item_id", time="ts")


def test_tables_of_any_kind_go_in(tmp_path):
    nodes = pl.DataFrame({"item_id": [1, 2]})
    nodes.write_parquet(tmp_path / "items.parquet")
    for table in (
        nodes,
        nodes.lazy(),
        nodes.to_arrow(),
        nodes.to_pandas(),
        {"item_id": np.array([1, 2])},
        tmp_path / "items.parquet",
    ):
        graph = Graph().nodes("item", table, key="item_id")
        assert graph.V("item").ids().to_list() == [1, 2]
    assert hasattr(graph.V("item").frame(), "__arrow_c_stream__")


def test_a_node_without_edges_reaches_nothing():
    counts = graph_of([]).V("item").before(9).in_("click").count()

    assert counts["count"].to_list() == [0] * ITEMS


FRIENDS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 9)), max_size=25
)


def circle(pairs: list[tuple[int, int, int]]) -> Graph:
    kinds = {"a": pl.Int64, "b": pl.Int64, "ts": pl.Int64}
    rows = pl.DataFrame(pairs, schema=kinds, orient="row").with_row_index("n")
    graph = Graph().nodes("person", {"id": np.arange(5)}, key="id")
    ends = "a: person -> b: person"
    return graph.edges("follows", rows, ends, time="ts", time_unit="s")


@given(FRIENDS, st.integers(0, 11))
def test_both_goes_along_an_edge_and_against_it(pairs, clock):
    found = circle(pairs).V("person").before(clock).both("follows")

    expected = []
    for person in range(5):
        order = sorted(enumerate(pairs), key=lambda pair: pair[1][2])
        forth = [(b, t, n) for n, (a, b, t) in order if a == person and t < clock]
        back = [(a, t, n) for n, (a, b, t) in order if b == person and t < clock]
        expected += [(person, *edge) for edge in forth + back]
    assert found.frame("start", "id", "ts", "n").rows() == expected
    # Who arrives has the edge's time for a clock, whichever way it was gone.
    then = found.out("follows").count()["count"].to_list()
    assert then == [
        sum(
            a == other and t < time
            for start, other, time, _ in expected
            if start == person
            for a, _, t in pairs
        )
        for person in range(5)
    ]


def test_both_ways_must_be_of_one_type():
    with pytest.raises(RequestError, match="leads to 'item'"):
        graph_of(SHOP).V("user").before(9).both("click")


@given(EVENTS, st.integers(0, 11))
def test_not_yet_keeps_what_the_start_had_no_edge_to(events, clock):
    graph = graph_of(events)
    reached = graph.V("user").before(clock).out("click").in_("click").out("click")
    table = reached.not_yet("click").frame("start", "item_id")

    own = {(u, i) for u, i, t, _ in events if t < clock}
    expected = [row for row in reached.frame("start", "item_id").rows()]
    assert table.rows() == [row for row in expected if row not in own]


def test_not_yet_needs_an_edge_from_the_start_to_here():
    query = graph_of(SHOP).V("user").before(9).out("click")

    with pytest.raises(RequestError, match="leads from item to user"):
        query.not_yet("~click")
    assert len(query.not_yet("click")) == 0


def test_a_date_is_not_compared_with_seconds_under_the_longer_name_either():
    graph = graph_of([(0, 0, 10, 1)])
    graph.nodes("item", {"item_id": [0], "ts": [dt.date(2024, 1, 1)]}, key="item_id")
    clicks = graph.V("user").all_time().out("click")

    with pytest.raises(RequestError, match=r"'click\.ts' holds Unix seconds"):
        clicks.where(pl.col("click.ts") > dt.date(2000, 1, 1))
    assert len(clicks.where(pl.col("item.ts") > dt.date(2000, 1, 1))) == 1


def test_a_window_without_a_clock_is_refused_in_either_order():
    query = graph_of([(0, 0, 10, 1)]).V("user")

    with pytest.raises(ConfigError, match="looks back from a clock"):
        query.all_time().within(days=1)
    with pytest.raises(ConfigError, match="looks back from a clock"):
        query.within(days=1).all_time()


def test_what_was_kept_hides_no_column_of_what_is_reached_later():
    graph = graph_of([(0, 0, 1, 1), (1, 0, 2, 1), (2, 0, 3, 1)])
    users = graph.V("user", [2]).all_time().as_("user_id").out("click").in_("click")

    found = users.frame("user_id", "user.user_id")

    assert sorted(found.rows()) == [(2, 0), (2, 1), (2, 2)]
    assert "user.user_id" in users.frame().columns
    assert users.where(pl.col("user.user_id") == 1).ids().to_list() == [1]


def test_plans_of_one_query_draw_on_their_own():
    graph = graph_of([(0, item % 5, item, 1) for item in range(40)])
    plan = tg.hop("click").sample(20)

    drawn = graph.V("user", [0]).all_time().with_(p=plan, q=plan)
    alone = graph.V("user", [0]).all_time().with_(p=plan)

    assert drawn.p.edge[1].tolist() != drawn.q.edge[1].tolist()
    assert drawn.p.edge[1].tolist() == alone.p.edge[1].tolist()


def test_what_is_not_a_number_comes_last_among_the_largest():
    graph = graph_of([(0, 0, 1, 1), (0, 1, 2, 1), (0, 2, 3, 1)])
    prices = {"item_id": [0, 1, 2], "price": [float("nan"), 2.0, 3.0]}
    graph.nodes("item", prices, key="item_id")
    clicks = graph.V("user", [0]).all_time().out("click")

    assert clicks.top(3, by="price").ids().to_list() == [2, 1, 0]
    assert clicks.top(3, by="price", smallest=True).ids().to_list() == [1, 2, 0]


def test_a_feature_called_start_is_had_by_the_name_of_its_edge_or_node():
    log = {"user": ["u", "v"], "item": ["i", "i"], "time": [1, 2], "start": [1.5, 2.5]}
    log = tg.read(log, context=("start",), items={"item": ["i"], "start": ["home"]})
    model = tg.Pipeline(tg.Popular()).fit(log)
    one = model.graph.V("user", ["v"]).before(9).out("action")

    names = ("start", "action.start", "item.start")
    assert one.frame(*names).rows() == [("v", 2.5, "home")]
    assert set(names) <= set(one.frame().columns)
    assert len(one.where(pl.col("action.start") > 2)) == 1
    assert len(one.where(pl.col("action.start") > 3)) == 0
