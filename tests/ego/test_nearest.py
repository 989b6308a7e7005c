import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from graph.brute import EVENTS, ITEMS, USERS, graph_of
from tidegraph.ego.hard_negative_plans import hard
from tidegraph.ego.nearest import near
from tidegraph.ego.parse import parse
from tidegraph.errors import ConfigError, LeakageError, RequestError
from tidegraph.graph.proximity.proximities import (
    adamic_adar,
    common_neighbors,
    pagerank,
    proximity,
)
from tidegraph.graph.sampling.seeds import Seeds

ALL = np.arange(ITEMS, dtype=np.int32)


@proximity("as_itself")
def as_itself(graph, seeds, scale: float = 1.0):
    rows = np.arange(len(seeds))
    ones = np.full(len(seeds), scale)
    return sparse.csr_array((ones, (rows, seeds)), shape=(len(seeds), len(graph)))


@proximity("misshapen")
def misshapen(graph, seeds):
    return np.ones((len(seeds), len(graph)))


def best(scores: dict[int, float], seed: int, count: int) -> list[int]:
    ranked = sorted((-score, v) for v, score in scores.items() if score > 0)
    return [v for _, v in ranked if v != seed][:count]


def bipartite(events) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(USERS + ITEMS))
    # An edge without strength is none.
    graph.add_edges_from((user, USERS + item) for user, item, _, w in events if w)
    return graph


@given(EVENTS, st.lists(st.integers(0, 11), min_size=ITEMS, max_size=ITEMS))
def test_each_node_gets_the_nearest_of_its_own_past(events, clocks):
    graph = graph_of(events).snapshot()
    question = Seeds.of(ALL, np.array(clocks))
    common = near("click", type="item", count=3, by=common_neighbors())
    rare = near("click", type="item", count=3, by=adamic_adar())
    found, weighed = common.sample(graph, question), rare.sample(graph, question)

    for item, clock in enumerate(clocks):
        past = bipartite(e for e in events if e[2] < clock)
        seed = USERS + item
        shared = {
            v: len(set(nx.common_neighbors(past, seed, USERS + v)))
            for v in range(ITEMS)
            if v != item
        }
        pairs = [(seed, USERS + v) for v in range(ITEMS) if v != item]
        scores = {v - USERS: s for _, v, s in nx.adamic_adar_index(past, pairs)}
        mine = found.ids[1][item]
        assert mine[mine >= 0].tolist() == best(shared, item, 3)
        assert found.weight[1][item][mine >= 0].tolist() == [
            shared[v] for v in mine if v >= 0
        ]
        ours = weighed.ids[1][item]
        assert weighed.weight[1][item][ours >= 0] == pytest.approx(
            [scores[v] for v in ours if v >= 0]
        )
        assert sum(ours >= 0) == min(3, sum(s > 0 for s in scores.values()))


def test_the_nearest_of_another_type_are_taken_too():
    # User 0 has item 1 twice and item 0 once; user 1 leads on to item 2.
    events = [(0, 1, 1, 1), (0, 1, 2, 1), (0, 0, 3, 1), (1, 1, 1, 1), (1, 2, 1, 1)]
    plan = near("click", type="user", of="item", count=4, by=pagerank(restart=0.2))
    field = plan.sample(
        graph_of(events).snapshot(), Seeds.of(np.zeros(1, np.int32), np.array([9]))
    )

    assert field.ids[1].tolist() == [[1, 0, 2, -1]]
    assert field.mask[1].tolist() == [[True, True, True, False]]


def test_a_proximity_of_ones_own_goes_wherever_ours_do():
    graph = graph_of([(0, 0, 1, 1), (0, 1, 1, 1), (1, 1, 1, 1)]).snapshot()
    plan = near("click", type="item", count=2, by=as_itself(scale=2.0))
    field = plan.sample(graph, Seeds.of(ALL[:2], np.array([9, 9])))

    # A seed is not its own neighbour.
    assert field.ids[1].tolist() == [[-1, -1], [-1, -1]]
    assert parse(str(plan)) == plan
    assert len({plan, parse(str(plan))}) == 1


def test_hard_negatives_come_from_the_ranks_of_a_proximity():
    events = [(u, i, 1, 1) for u, i in [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2)]]
    pool = near("click", type="item", count=3, by=common_neighbors())
    plan = hard(pool, 2, ranks=(1, 3))
    found = plan.sample(
        graph_of(events).snapshot(), Seeds.of(np.zeros(1, np.int32), np.array([9]))
    )

    # Item 0 shares two users with item 1 and one with item 2.
    assert found.ids.tolist() == [[2, -1]]
    assert parse(str(plan)) == plan


def test_what_cannot_be_near_is_said():
    graph = graph_of([(0, 0, 1, 1)]).snapshot()
    question = Seeds.of(ALL[:1], np.array([9]))
    with pytest.raises(LeakageError, match="needs a clock"):
        near("click", type="item", count=2).sample(graph, Seeds.of(ALL[:1], None))
    with pytest.raises(ConfigError, match="no node 'shop'"):
        near("click", type="shop", count=2).sample(graph, question)
    with pytest.raises(ConfigError, match="at least 1"):
        near("click", type="item", count=0)
    with pytest.raises(RequestError, match="Return a sparse array of shape"):
        near("click", type="item", count=2, by=misshapen()).sample(graph, question)
    with pytest.raises(RequestError, match="from 0 to 4"):
        near("click", type="item", count=2).sample(
            graph, Seeds.of(np.array([99], np.int32), np.array([9]))
        )


def test_a_count_beyond_all_nodes_takes_memory_for_those_there_are():
    graph = graph_of([(0, 0, 1, 1), (0, 1, 2, 1)]).snapshot()
    seeds = Seeds.of(ALL, np.full(ITEMS, 9))

    some, every = (
        near("click", type="item", count=count).sample(graph, seeds)
        for count in (ITEMS, 10**8)
    )

    assert every.ids[1].shape == (ITEMS, 1024)
    assert np.array_equal(every.ids[1][:, :ITEMS], some.ids[1])
