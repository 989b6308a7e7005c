"""What a graph answers, by loops over the log: the oracle of the tests."""

from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import strategies as st
from scipy.stats import chisquare

from tidegraph.ego.hops import hop
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot

USERS, ITEMS = 4, 5
EVENTS = st.lists(
    st.tuples(
        st.integers(0, USERS - 1),
        st.integers(0, ITEMS - 1),
        st.integers(0, 9),
        st.integers(0, 5),
    ),
    max_size=40,
)
"""User, item, time and weight of each event, with ties, repeats and lonely nodes."""


def table(events: list[tuple[int, int, int, int]]) -> pl.DataFrame:
    kinds = {"user_id": pl.Int64, "item_id": pl.Int64, "ts": pl.Int64, "w": pl.Float64}
    return pl.DataFrame(events, schema=kinds, orient="row")


@cache
def nodes() -> Snapshot:
    """All users and items, and no event; snapshots do not change."""
    graph = Graph()
    graph.nodes("user", {"user_id": np.arange(USERS)}, key="user_id")
    prices = {"item_id": np.arange(ITEMS), "price": np.arange(ITEMS) * 2.0}
    graph.nodes("item", prices, key="item_id")
    return graph.snapshot()


def graph_of(events: list[tuple[int, int, int, int]], **settings: int) -> Graph:
    """A graph of all users and items, events in any order."""
    graph = Graph(nodes(), **settings)
    ends = "user_id -> item_id"
    named = {"time": "ts", "weight": "w", "time_unit": "s"}
    return graph.edges("click", table(events), ends, **named)


def past(
    events: list[tuple[int, int, int, int]],
    edge: str,
    node: int,
    clock: int,
    seconds: int | None = None,
) -> list[tuple[int, int, int, int]]:
    """Other end, time, weight and number of a node's edges before the clock."""
    here, there = (0, 1) if edge == "click" else (1, 0)
    found = [
        (event[there], event[2], event[3], number)
        for number, event in enumerate(events)
        if event[here] == node
        and event[2] < clock
        and (seconds is None or event[2] >= clock - seconds)
    ]
    return sorted(found, key=lambda edge: edge[1])


def rows(field, depth: int, place: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """The same of what a plan brought to one place."""
    kept = field.mask[depth][place]
    assert all(a >= b for a, b in pairwise(kept)) or depth == 0
    columns = (field.ids, field.time, field.weight, field.edge)
    gone = [column[depth][place][~kept] for column in columns]
    assert [set(g) <= {blank} for g, blank in zip(gone, (-1, 0, 0, -1), strict=True)]
    return [
        (int(i), int(t), int(w), int(e))
        for i, t, w, e in zip(*(c[depth][place][kept] for c in columns), strict=True)
    ]


def looks_like(found: Counter, expected: dict) -> bool:
    """Whether counts are a sample of the expected distribution (chi-square)."""
    assert set(found) <= {key for key, p in expected.items() if p > 0}
    keys = [key for key, p in expected.items() if p > 0]
    total = sum(found.values())
    return (
        chisquare([found[k] for k in keys], [total * expected[k] for k in keys]).pvalue
        > 1e-3
    )


DSG = hop("click").recent(3).hop("~click").recent(2)


def same(one, other) -> bool:
    """Whether two fields are the same, bit by bit."""
    return all(
        np.array_equal(a, b)
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def answers(graph) -> list:
    """What a graph answers to many questions of several kinds."""
    nodes = np.repeat(np.arange(USERS, dtype=np.int32), 12)
    clocks = np.tile(np.arange(12), USERS)
    drawn = hop("click").sample(3, by="w").hop("~click").sample(2)
    items = np.repeat(np.arange(ITEMS, dtype=np.int32), 12)
    return [
        DSG.sample(graph, nodes, clocks),
        drawn.sample(graph, nodes, clocks, seed=5),
        DSG.flip().sample(graph, items, np.tile(np.arange(12), ITEMS)),
    ]
