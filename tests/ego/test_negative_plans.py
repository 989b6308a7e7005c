from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tidegraph as tg
from graph.brute import EVENTS, ITEMS, USERS, graph_of, looks_like
from tidegraph.ego.hard_negative_plans import hard
from tidegraph.ego.negative_plans import in_batch, negatives
from tidegraph.ego.walks import walk
from tidegraph.errors import ConfigError, LeakageError, RequestError
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.kernels.keyed_rng import root_keys

LOG = [(0, 0, 10, 1.0), (0, 1, 20, 2.0), (1, 1, 20, 1.0), (0, 2, 30, 1.0)]
LIGHT = [(1, i, i, 0.1) for i in range(5)]


def seeds(users, clocks, chosen=None, seed=0):
    users = np.asarray(users, np.int32)
    clocks = np.broadcast_to(np.asarray(clocks, np.int64), users.shape)
    other = None if chosen is None else np.asarray(chosen, np.int32)
    return Seeds(users, np.array(clocks), root_keys(seed, 0, len(users)), other)


@given(
    EVENTS,
    st.integers(0, 11),
    st.sampled_from([None, "degree"]),
    st.integers(-1, ITEMS - 1),
    st.integers(0, 9),
)
def test_negatives_are_exactly_what_is_alive_and_not_to_be_avoided(
    events, clock, by, chosen, seed
):
    plan = negatives("item", 40, by=by, power=0.75, avoid="click")
    question = seeds(range(USERS), clock, [chosen] * USERS, seed)
    found = plan.sample(graph_of(events).snapshot(), question)

    alive = {e[1] for e in events if e[2] < clock}
    for user in range(USERS):
        known = {e[1] for e in events if e[0] == user and e[2] < clock}
        possible = alive - known - {chosen}
        drawn = set(found.ids[user][found.mask[user]].tolist())
        assert drawn <= possible
        # 40 draws of at most 5 items miss one of them once in thousands.
        assert found.mask[user].all() == bool(possible)


POPULAR = [(1, 0, 1, 1)] * 8 + [(1, 1, 2, 1)] * 1 + [(2, 2, 3, 1)] * 4 + [(0, 3, 4, 1)]


@pytest.mark.parametrize(
    ("by", "power", "weights"),
    [
        (None, 1.0, {0: 1, 1: 1, 2: 1}),
        ("degree", 1.0, {0: 8, 1: 1, 2: 4}),
        ("degree", 0.5, {0: 8**0.5, 1: 1, 2: 2}),
    ],
)
def test_negatives_are_as_likely_as_their_degree_says(by, power, weights):
    plan = negatives("item", 20_000, by=by, power=power, avoid="click")
    drawn = plan.sample(graph_of(POPULAR).snapshot(), seeds([0], 99)).ids[0]

    total = sum(weights.values())
    expected = {item: weight / total for item, weight in weights.items()}
    assert looks_like(Counter(drawn.tolist()), expected)


def test_the_degree_is_that_of_the_clock():
    plan = negatives("item", 20_000, by="degree", power=1.0, avoid="click")
    drawn = plan.sample(graph_of(POPULAR).snapshot(), seeds([0], 3)).ids[0]

    assert looks_like(Counter(drawn.tolist()), {0: 8 / 9, 1: 1 / 9})


def test_when_nearly_all_is_to_be_avoided_the_rest_is_weighed():
    # User 0 has the item of 2,000 edges; draws by degree would hardly find the others.
    events = [(0, 0, 1, 1)] * 2000 + [(1, 1, 1, 1)] * 3 + [(1, 2, 1, 1)]
    plan = negatives("item", 4000, by="degree", power=1.0, avoid="click")
    drawn = plan.sample(graph_of(events).snapshot(), seeds([0], 9)).ids[0]

    assert looks_like(Counter(drawn.tolist()), {1: 3 / 4, 2: 1 / 4})


def test_in_batch_negatives_are_the_choices_of_others_alive_and_unmet():
    events = [(0, 0, 1, 1), (1, 1, 2, 1), (2, 2, 8, 1), (3, 3, 1, 1)]
    graph = graph_of(events).snapshot()
    question = seeds([0, 1, 2, 3], [5, 5, 9, 9], [3, 0, 0, 2])
    found = in_batch(200, via="click").sample(graph, question)

    # 0 has 0, 2 is not alive at 5; 1 may not draw its own 0; 3 has 3 and chose 2.
    drawn = [set(row[row >= 0].tolist()) for row in found.ids]
    assert drawn == [set(), {3}, {3}, {0}]
    assert np.array_equal(found.mask, found.ids >= 0)


def test_hard_negatives_come_from_their_ranks():
    events = [(0, 0, 1, 1), (0, 1, 1, 1), (1, 1, 1, 1), (1, 2, 1, 1), (2, 2, 1, 1)]
    graph = graph_of([*events, (2, 3, 1, 1)]).snapshot()
    pool = walk("~click", "click", times=500, length=3).top(3)
    ranked = pool.sample(graph, seeds([0], 9)).ids[1][0]
    found = hard(pool, 2, ranks=(1, 3)).sample(graph, seeds([0], 9)).ids[0]
    chosen = (
        hard(pool, 2, ranks=(1, 3)).sample(graph, seeds([0], 9, [ranked[1]])).ids[0]
    )

    assert ranked.tolist() == [1, 2, 3]
    assert sorted(found.tolist()) == [2, 3]
    assert chosen.tolist() == [3, -1]


def test_hard_negatives_avoid_neighbors():
    events = [(0, 0, 1, 1), (0, 1, 1, 1), (1, 1, 1, 1), (1, 2, 1, 1)]
    pool = walk("click", "~click", "click", times=300).top(3)
    plan = hard(pool, 3, ranks=(0, 3), avoid="click")
    found = plan.sample(graph_of(events).snapshot(), seeds([0], 9)).ids[0]

    assert found.tolist() == [2, -1, -1]


@given(EVENTS, st.integers(0, 11), st.integers(0, 9))
def test_the_future_changes_no_negative(events, clock, seed):
    before = [e for e in events if e[2] < clock]
    plans = (
        negatives("item", 5, by="degree", power=0.5, avoid="click"),
        negatives("item", 5, avoid="click"),
        in_batch(3, via="click"),
        hard(walk("click", "~click", "click", times=9).top(3), 2, ranks=(0, 3)),
    )
    question = seeds(range(USERS), clock, [0, 1, 2, 3], seed)
    graphs = [graph_of(x).snapshot() for x in (events, before)]
    for plan in plans:
        one, other = (plan.sample(graph, question).ids for graph in graphs)
        assert np.array_equal(one, other)


def test_negatives_that_cannot_be_drawn_are_refused():
    graph = graph_of(POPULAR).snapshot()
    with pytest.raises(ConfigError, match="which edge leads to"):
        negatives("item", 3)
    with pytest.raises(ConfigError, match="a power from 0"):
        negatives("item", 3, by="degree", power=2.0, avoid="click")
    with pytest.raises(ConfigError, match="leads to 'user', not to 'item'"):
        negatives("item", 3, avoid="~click").sample(graph, seeds([0], 9))
    with pytest.raises(ConfigError, match="not within the 3 that"):
        hard(walk("click").top(3), 2, ranks=(2, 5))
    with pytest.raises(RequestError, match="needs edges"):
        in_batch(2, via="click").sample(graph, seeds([0], 9))


def test_hard_negatives_avoid_neighbors_of_their_own_node():
    pool = tg.walk("~click", "click", times=9).top(3)
    with pytest.raises(ConfigError, match="the pool starts from 'item'"):
        graph_of(LOG).E("click").with_(
            neg=tg.hard(pool, 2, ranks=(0, 3), avoid="click")
        )


@pytest.fixture
def typed():
    """Clicks of items, likes of brands and friendships, whose rows overlap."""
    graph = tg.Graph()
    for name, count in (("user", 3), ("item", 3), ("brand", 3)):
        graph.nodes(name, {f"{name}_id": np.arange(count)}, key=f"{name}_id")
    three = np.arange(3)
    clicks = {"user_id": three, "item_id": three, "ts": three + 10}
    graph.edges("click", clicks, "user_id -> item_id", time="ts")
    likes = {"user_id": three * 0 + 2, "brand_id": three, "ts": three}
    graph.edges("likes", likes, "user_id -> brand_id", time="ts")
    friends = {"a": three, "b": three[::-1], "ts": three + 20}
    return graph.edges("follows", friends, "a: user -> b: user", time="ts")


@pytest.mark.parametrize("by", [None, "degree"])
def test_what_was_chosen_keeps_no_node_of_another_type_away(typed, by):
    plan = tg.negatives("brand", 200, via="likes", by=by)
    (batch,) = typed.E("click").with_(neg=plan)

    assert [set(row) for row in batch.neg.ids.tolist()] == [{0, 1, 2}] * 3


def test_hard_negatives_of_another_type_are_all_kept(typed):
    pool = tg.walk("likes", times=20).top(3)
    ego = tg.hard(pool, 3, ranks=(0, 3))
    near = tg.near("likes", type="user", of="brand", count=3)
    plans = {"walked": ego, "near": tg.hard(near, 3, ranks=(0, 3))}
    (batch,) = typed.E("click", between=(12, None)).with_(**plans)

    assert {*batch.walked.ids[0].tolist()} == {0, 1, 2}
    assert {*batch.near.ids[0].tolist()} == {0, 1, 2}
    with pytest.raises(ConfigError, match=r"ranks 'brand', and avoid='click' leads to"):
        typed.E("click").with_(neg=tg.hard(pool, 1, ranks=(0, 3), avoid="click"))


def test_a_batch_of_other_edges_has_chosen_nothing_to_draw(typed):
    plan = tg.in_batch(2, via="click")

    with pytest.raises(RequestError, match=r"type 'item', and these edges lead to 'us"):
        next(iter(typed.E("follows").with_(neg=plan)))
    back = next(iter(typed.E("click").with_(neg=tg.in_batch(9, via="~click"))))
    assert back.neg.ids.shape == (3, 9)


def test_negatives_over_timed_edges_need_a_clock():
    users = graph_of(LIGHT).V("user", [0])
    with pytest.raises(LeakageError, match="need a clock"):
        users.with_(n=tg.negatives("item", 3, avoid="click"))
    with pytest.raises(ConfigError, match="leads to 'user', not to 'item'"):
        users.before(9).with_(n=tg.negatives("item", 3, avoid="click", via="~click"))
    ever = tg.negatives("item", 3, avoid="click", all_time=True)
    assert users.with_(n=ever).n.mask.all()


@pytest.mark.parametrize("by", [None, "degree"])
def test_before_1970_untimed_edges_are_before_the_clock_like_today(by):
    graph = graph_of([(0, 0, -250_000_000, 1)])
    graph.edges("likes", {"user_id": [1, 2], "item_id": [1, 2]}, "user_id -> item_id")
    plan = negatives("item", 20, via="likes", by=by)

    for time in ("1965-01-01", "2020-01-01"):
        drawn = graph.V("user", [0]).before(time).with_(n=plan).n
        assert drawn.mask.all()
        assert set(drawn.ids.ravel().tolist()) == {1, 2}
    edge = next(iter(graph.E("click").with_(n=plan)))
    assert set(edge.n.ids.ravel().tolist()) == {1, 2}
