"""Two graphs as one, against the tables of raw ids that they were made of."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.errors import DataError
from tidegraph.graph.join import union
from tidegraph.graph.live import Graph

PAIRS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20
)


def follows(name, pairs, graph=None) -> Graph:
    """A graph of users by letter, whose edges carry their place in the list."""
    graph = (
        Graph().nodes("user", {"user": ["u9"]}, key="user") if graph is None else graph
    )
    table = {
        "a": [f"u{a}" for a, _ in pairs],
        "b": [f"u{b}" for _, b in pairs],
        "ts": [1_000_000 + 7 * (n % 5) for n in range(len(pairs))],
        "place": np.arange(len(pairs)),
    }
    return graph.edges(name, pl.DataFrame(table), "a: user -> b: user", time="ts")


def edges_by_id(graph, name) -> list[tuple]:
    """Every edge as raw ids, time and place, seen from either end."""
    snapshot = graph.snapshot()
    found = [
        snapshot.V("user").all_time().out(way).frame("start", "user", "ts", "place")
        for way in (name, f"~{name}")
    ]
    back = found[1].select(start="user", user="start", ts="ts", place="place")
    assert sorted(found[0].rows()) == sorted(back.rows())
    return sorted(found[0].rows())


@given(PAIRS, PAIRS)
def test_edges_keep_their_ends_by_raw_id(ours, theirs):
    one, other = follows("likes", ours), follows("follows", theirs)

    both = union(one.snapshot(), other.snapshot())

    assert edges_by_id(both, "likes") == edges_by_id(one, "likes")
    assert edges_by_id(both, "follows") == edges_by_id(other, "follows")
    size = len(one.snapshot().users)
    assert both.users.ids.head(size).equals(one.snapshot().users.ids)
    assert sorted(both.users.ids) == sorted(
        {*one.snapshot().users.ids, *other.snapshot().users.ids}
    )


def test_a_view_of_the_past_brings_what_it_sees():
    one, other = follows("likes", [(3, 4)]), follows("follows", [(1, 4), (3, 1)])

    both = union(one.snapshot(), other.snapshot().before(1_000_007))

    assert edges_by_id(both, "follows") == [("u1", "u4", 1_000_000, 0)]


def test_types_that_only_one_has_are_taken_as_they_are():
    other = Graph().nodes("entity", {"id": ["e"]}, key="id")
    other.edges("same", {"a": ["e"], "b": ["f"]}, "a: entity -> b: entity")
    edges = other.snapshot().edge("same")

    both = union(follows("likes", [(3, 4)]).snapshot(), other.snapshot())

    assert both.edge("same") is edges
    assert both.V("entity", ["e"]).out("same").ids().to_list() == ["f"]


def test_a_feature_of_both_keeps_our_values_and_takes_theirs_for_new_nodes():
    ours = Graph().nodes("user", {"user": [1, 2], "age": [30, None]}, key="user")
    tags = [["x"], ["y", "z"]]
    theirs = {"user": [2, 3], "age": [50.0, 60.0], "tags": tags}

    both = union(
        ours.snapshot(), Graph().nodes("user", theirs, key="user").snapshot()
    ).typed("user")

    assert both.vocabulary.ids.to_list() == [1, 2, 3]
    assert both.vocabulary.features["age"].to_list() == [30, None, 60]
    assert both.vocabulary.features["tags"].to_list() == [None, *tags]


def test_edges_at_a_row_without_an_id_are_refused_rather_than_sorted():
    # Until append_rows() refused them, a saved graph could hold some.
    more = follows("follows", [(0, 1)])
    more.erase("user", ["u1"])
    held = more.snapshot().edges["follows"]
    none = pl.DataFrame(schema=held.table.columns.schema).clear(1)
    # Rows 0 to 2 are u9, u0 and u1.
    ends = np.zeros(1, np.int32), np.full(1, 2, np.int32)
    edges = held.appended(ends, (3, 3), np.full(1, 9), none)
    filled = replace(more.snapshot(), edges={"follows": edges})

    with pytest.raises(DataError, match=r"rows -1 to -1 are not all 'user' nodes"):
        union(follows("likes", [(2, 3)]).snapshot(), filled)


def test_what_does_not_fit_is_refused_in_one_sentence():
    ours = follows("likes", [(3, 4)]).snapshot()

    with pytest.raises(DataError, match="both graphs have edges 'likes'"):
        union(ours, follows("likes", [(3, 4)]).snapshot())
    other = Graph().nodes("user", {"id": ["u3"]}, key="id").snapshot()
    with pytest.raises(DataError, match="key of nodes 'user' is 'user' in one graph"):
        union(ours, other)
    aged = Graph().nodes("user", {"user": ["u3"], "age": [4]}, key="user").snapshot()
    told = {"user": ["u9"], "age": ["old"]}
    named = Graph().nodes("user", told, key="user").snapshot()
    with pytest.raises(DataError, match="'age' of nodes 'user' of one of two"):
        union(aged, named)


def test_a_feature_that_was_null_in_one_takes_the_type_of_the_other():
    ours, theirs = (
        Graph().nodes("item", {"item": ids, "price": prices}, key="item").snapshot()
        for ids, prices in ((["i1"], [None]), (["i1", "i2"], [1.0, 2.0]))
    )

    assert union(ours, theirs).items.features["price"].to_list() == [None, 2.0]
    assert union(theirs, ours).items.features["price"].to_list() == [1.0, 2.0]
