import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.brute import EVENTS, ITEMS, USERS, graph_of
from tidegraph.errors import DataError
from tidegraph.graph.live import Graph
from tidegraph.graph.static import StaticGraph

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20)


def dense(graph: StaticGraph) -> np.ndarray:
    out = np.zeros((len(graph), len(graph)))
    for v in range(len(graph)):
        for e in range(graph.ptr[v], graph.ptr[v + 1]):
            out[v, graph.node[e]] += graph.weight[e]
    return out


def people(pairs: list[tuple[int, int]]) -> Graph:
    graph = Graph().nodes("person", {"id": np.arange(6)}, key="id")
    ends = {"a": pl.Int64, "b": pl.Int64}
    table = pl.DataFrame(pairs, schema=ends, orient="row")
    return graph.edges("knows", table, "a: person -> b: person")


def shop() -> Graph:
    clicks = pl.DataFrame(
        {"user_id": [1, 1, 2], "item_id": [7, 7, 8], "ts": [10, 20, 30]}
    )
    graph = Graph().nodes("user", {"user_id": [1, 2]}, key="user_id")
    graph.nodes("item", {"item_id": [7, 8]}, key="item_id")
    graph.nodes("shelf", {"shelf_id": [0]}, key="shelf_id")
    ends = "user_id -> item_id"
    graph.edges("click", clicks, ends, time="ts", time_unit="s")
    return graph.edges(
        "lies", {"item_id": [7, 8], "shelf_id": [0, 0]}, "item_id -> shelf_id"
    )


@given(PAIRS)
def test_a_loop_counts_twice_and_every_other_edge_once_on_each_side(pairs):
    expected = np.zeros((6, 6))
    for a, b in pairs:
        expected[a, b] += 1
        expected[b, a] += 1

    found = StaticGraph.of(people(pairs).snapshot(), ("knows",))

    assert np.array_equal(dense(found), expected)
    assert found.strength.sum() == 2 * len(pairs)


def test_two_clicks_on_one_item_are_one_edge_of_weight_two():
    found = StaticGraph.of(shop().snapshot(), ("click",))

    # Users 1 and 2, then items 7 and 8.
    assert dense(found).tolist() == [
        [0, 0, 2, 0],
        [0, 0, 0, 1],
        [2, 0, 0, 0],
        [0, 1, 0, 0],
    ]


def test_types_come_in_the_order_in_which_the_edges_name_them():
    forth = StaticGraph.of(shop().snapshot(), ("click", "lies"))
    back = StaticGraph.of(shop().snapshot(), ("~lies", "~click"))

    assert dict(forth.first) == {"user": 0, "item": 2, "shelf": 4}
    assert dict(back.first) == {"shelf": 0, "item": 1, "user": 3}
    # Item 7 was clicked twice and lies on the shelf.
    assert forth.strength[2] == back.strength[1] == 3


def test_both_names_of_an_edge_type_give_the_same_edges():
    forth = StaticGraph.of(shop().snapshot(), ("click",))
    back = StaticGraph.of(shop().snapshot(), ("~click",))

    order = np.array([2, 3, 0, 1])
    assert np.array_equal(dense(forth), dense(back)[np.ix_(order, order)])


@given(EVENTS)
def test_a_node_is_known_by_its_type_and_its_row_within_it(events):
    graph = StaticGraph.of(graph_of(events).snapshot(), ("click",))
    users, items = np.arange(USERS, dtype=np.int32), np.arange(ITEMS, dtype=np.int32)

    rows = np.concatenate([graph.rows("user", users), graph.rows("item", items)])

    assert rows.tolist() == list(range(len(graph)))
    assert graph.kinds(rows).tolist() == [0] * USERS + [1] * ITEMS


@given(EVENTS, st.integers(0, 11))
def test_a_view_of_the_past_holds_only_what_was_before(events, clock):
    past = [event for event in events if event[2] < clock]

    seen = StaticGraph.of(graph_of(events).snapshot().before(clock), ("click",))
    alone = StaticGraph.of(graph_of(past).snapshot(), ("click",))

    for name in ("ptr", "node", "weight", "strength"):
        assert np.array_equal(getattr(seen, name), getattr(alone, name))


@given(EVENTS)
def test_edges_that_came_later_by_append_count_the_same(events):
    when = sorted(events, key=lambda event: event[2])
    half = len(when) // 2
    grown = graph_of(when[:half])
    user, item, time, weight = (
        np.array([event[n] for event in when[half:]]) for n in range(4)
    )
    grown.append_rows(
        "click",
        user.astype(np.int32),
        item.astype(np.int32),
        time.astype(np.int64),
        {"w": weight.astype(np.float64)},
    )

    found = StaticGraph.of(grown.snapshot(), ("click",))

    whole = StaticGraph.of(graph_of(events).snapshot(), ("click",))
    assert np.array_equal(dense(found), dense(whole))


def test_a_weight_below_zero_and_an_unknown_edge_are_refused():
    with pytest.raises(DataError, match=r"'click' have a weight below 0.*Choose"):
        StaticGraph.of(graph_of([(0, 0, 1, -1)]).snapshot(), ("click",))
    with pytest.raises(DataError, match="no edge 'clack'"):
        StaticGraph.of(shop().snapshot(), ("clack",))


def test_a_type_without_nodes_has_none_wherever_it_stands():
    graph = Graph()
    for name in ("a", "b", "c"):
        ids = pl.Series([] if name == "b" else [1, 2, 3], dtype=pl.Int64)
        graph.nodes(name, pl.DataFrame({f"{name}_id": ids}), key=f"{name}_id")
    none = pl.DataFrame(schema={"a_id": pl.Int64, "b_id": pl.Int64})
    graph.edges("ab", none, "a_id -> b_id")
    graph.edges("bc", none.rename({"a_id": "c_id"}), "b_id -> c_id")

    found = StaticGraph.of(graph.snapshot(), ("ab", "bc"))

    assert {name: found.size(name) for name in found.first} == {"a": 3, "b": 0, "c": 3}
