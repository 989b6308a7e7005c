"""What a graph answers, by loops over the log: the oracle of the tests."""

from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import strategies as st

from tidegraph.graph.temporal import Graph

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


def graph_of(events: list[tuple[int, int, int, int]], **settings: int) -> Graph:
    """A graph of all users and items, events in any order."""
    graph = Graph(**settings)
    graph.nodes("user", {"user_id": np.arange(USERS)}, key="user_id")
    prices = {"item_id": np.arange(ITEMS), "price": np.arange(ITEMS) * 2.0}
    graph.nodes("item", prices, key="item_id")
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
