from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ego.test_negative_plans import POPULAR, seeds
from graph.brute import EVENTS, ITEMS, USERS, graph_of, looks_like
from tidegraph.ego.negative_plans import negatives
from tidegraph.ego.parse import parse
from tidegraph.errors import ConfigError, RequestError
from tidegraph.graph.live import Graph
from tidegraph.graph.negatives.distribution import Seen, distribution


@distribution("by_all_that_is_seen")
def by_all_that_is_seen(seen: Seen, shift: int = 0) -> np.ndarray:
    age = seen.clock - seen.last
    return 1 / (1 + age + seen.degree + (seen.last - seen.first) + shift)


@distribution("cheap")
def cheap(seen: Seen) -> np.ndarray:
    return seen.feature("price") / 10


@distribution("half_each_day")
def half_each_day(seen: Seen) -> np.ndarray:
    return 0.5 ** ((seen.clock - seen.last) / 86_400)


@distribution("seldom")
def seldom(seen: Seen) -> np.ndarray:
    return np.where(seen.node == 0, 1e-6, 3e-6)


@distribution("wrong")
def wrong(seen: Seen, value: float = 2.0, short: bool = False) -> np.ndarray:
    return np.full(len(seen.node) - short, value)


@given(EVENTS, st.integers(0, 11), st.integers(-1, ITEMS - 1), st.integers(0, 9))
def test_negatives_are_alive_unmet_and_none_is_left_out(events, clock, chosen, seed):
    plan = negatives("item", 60, by=by_all_that_is_seen(), avoid="click")
    question = seeds(range(USERS), clock, [chosen] * USERS, seed)
    found = plan.sample(graph_of(events).snapshot(), question)

    alive = {e[1] for e in events if e[2] < clock}
    for user in range(USERS):
        known = {e[1] for e in events if e[0] == user and e[2] < clock}
        possible = alive - known - {chosen}
        assert set(found.ids[user][found.mask[user]].tolist()) <= possible
        assert found.mask[user].all() == bool(possible)


def test_what_was_chosen_is_avoided_where_it_is_of_the_type_that_is_drawn():
    plan = negatives("item", 60, by=half_each_day(), via="click")
    question = seeds([0], 99, [0])
    graph = graph_of(POPULAR).snapshot()
    others = question._replace(other_type="user")

    assert set(plan.sample(graph, question).ids[0]) == {1, 2, 3}
    assert set(plan.sample(graph, others).ids[0]) == {0, 1, 2, 3}


def test_a_node_is_as_likely_as_the_distribution_says_of_its_past():
    plan = negatives("item", 20_000, by=by_all_that_is_seen(), avoid="click")
    drawn = plan.sample(graph_of(POPULAR).snapshot(), seeds([0], 99)).ids[0]

    # Item 0: last at 1, 8 edges; item 1: last at 2, 1 edge; item 2: last at 3, 4 edges.
    weights = {0: 1 / (1 + 98 + 8), 1: 1 / (1 + 97 + 1), 2: 1 / (1 + 96 + 4)}
    total = sum(weights.values())
    assert looks_like(
        Counter(drawn.tolist()), {i: w / total for i, w in weights.items()}
    )


def test_what_is_hardly_ever_kept_is_weighed_as_a_whole():
    plan = negatives("item", 20_000, by=seldom(), avoid="click")
    drawn = plan.sample(graph_of(POPULAR).snapshot(), seeds([0], 99)).ids[0]

    assert looks_like(Counter(drawn.tolist()), {0: 1 / 7, 1: 3 / 7, 2: 3 / 7})


def test_features_of_nodes_can_be_read():
    graph = Graph().nodes("user", {"user_id": [0, 1]}, key="user_id")
    items = {"item_id": [0, 1, 2], "price": [2.0, 8.0, 5.0]}
    graph.nodes("item", items, key="item_id")
    log = {"user_id": [0, 0], "item_id": [0, 1], "ts": [1, 2]}
    graph.edges("click", log, "user_id -> item_id", time="ts", time_unit="s")
    plan = negatives("item", 20_000, by=cheap(), via="click")
    drawn = plan.sample(graph.snapshot(), seeds([1], 9)).ids[0]

    # Nobody has item 2.
    assert looks_like(Counter(drawn.tolist()), {0: 0.2, 1: 0.8})


@given(EVENTS, st.integers(0, 11), st.integers(0, 9))
def test_the_future_changes_no_draw(events, clock, seed):
    before = [e for e in events if e[2] < clock]
    plan = negatives("item", 5, by=by_all_that_is_seen(shift=3), avoid="click")
    question = seeds(range(USERS), clock, [0, 1, 2, 3], seed)
    one, other = (
        plan.sample(graph_of(x).snapshot(), question).ids for x in (events, before)
    )

    assert np.array_equal(one, other)


@given(EVENTS, st.integers(1, USERS - 1))
def test_a_batch_cut_in_two_draws_the_same(events, cut):
    graph = graph_of(events).snapshot()
    plan = negatives("item", 5, by=by_all_that_is_seen(), avoid="click")
    whole = seeds(range(USERS), 7, [0] * USERS)
    parts = [
        whole._replace(
            node=whole.node[rows],
            clock=whole.clock[rows],
            key=whole.key[rows],
            other=whole.other[rows],
        )
        for rows in (slice(0, cut), slice(cut, None))
    ]

    drawn = [plan.sample(graph, part).ids for part in parts]
    assert np.array_equal(np.concatenate(drawn), plan.sample(graph, whole).ids)


def test_the_plan_is_data():
    plan = negatives("item", 5, by=by_all_that_is_seen(shift=2), avoid="click")

    assert parse(str(plan)) == plan
    assert len({plan, parse(str(plan))}) == 1
    with pytest.raises(ConfigError, match="no distribution 'none'"):
        parse("negatives('item', 5, by=distribution('none'), avoid='click')")


def test_what_is_no_distribution_is_said():
    graph = graph_of(POPULAR).snapshot()
    with pytest.raises(RequestError, match=r"returned 2\.0, which is not from 0 to 1"):
        negatives("item", 5, by=wrong(), avoid="click").sample(graph, seeds([0], 9))
    nan = negatives("item", 5, by=wrong(value=float("nan")), avoid="click")
    with pytest.raises(RequestError, match="returned nan"):
        nan.sample(graph, seeds([0], 9))
    short = negatives("item", 5, by=wrong(value=0.5, short=True), avoid="click")
    with pytest.raises(RequestError, match="Return one number for each"):
        short.sample(graph, seeds([0], 9))
    with pytest.raises(ConfigError, match="a plan holds numbers"):
        wrong(value=[1])


@pytest.mark.parametrize("shift", [0, -250_000_000])
def test_for_all_time_a_distribution_looks_back_from_the_last_edge(shift):
    graph = graph_of([(0, 0, 86_400 * 30 + shift, 1), (1, 1, 86_400 * 31 + shift, 1)])
    plan = negatives("item", 4_000, by=half_each_day(), via="click", all_time=True)

    drawn = graph.V("user", [2]).with_(n=plan).n.ids[0]

    # Item 0 was a day earlier than item 1, so it is half as likely.
    assert abs((drawn == 0).mean() - 1 / 3) < 0.03


def test_before_1970_untimed_edges_are_weighed_like_today():
    graph = graph_of([])
    graph.edges("likes", {"user_id": [1, 2], "item_id": [1, 2]}, "user_id -> item_id")
    plan = negatives("item", 20, by=cheap(), via="likes")

    early, today = (
        graph.V("user", [0]).before(time).with_(n=plan).n
        for time in ("1965-01-01", "2020-01-01")
    )

    assert early.mask.all()
    assert early.ids.tolist() == today.ids.tolist()
