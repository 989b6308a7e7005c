import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.brute import EVENTS, ITEMS, USERS, graph_of
from tidegraph.ego.cluster import local_cluster
from tidegraph.errors import ConfigError, LeakageError, RequestError
from tidegraph.graph.proximity.local_cluster import local_clusters
from tidegraph.graph.proximity.pagerank_push import Push
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.static import StaticGraph

ALL = np.arange(ITEMS, dtype=np.int32)
PLAN = local_cluster("click", type="item", size=5, restart=0.2, epsilon=1e-7)


@given(EVENTS, st.lists(st.integers(0, 11), min_size=ITEMS, max_size=ITEMS))
def test_each_node_gets_the_cluster_of_its_own_past(events, clocks):
    graph = graph_of(events).snapshot()
    found = PLAN.sample(graph, Seeds.of(ALL, np.array(clocks)))

    for item, clock in enumerate(clocks):
        past = graph_of([e for e in events if e[2] < clock]).snapshot()
        seed = np.array([USERS + item], np.int32)
        alone = local_clusters(
            StaticGraph.of(past, ("click",)), seed, size=5, settings=Push(0.2, 1e-7)
        )
        rows = alone.node[0][alone.node[0] >= 0]
        mask = found.mask[item]
        assert sum(mask) == len(rows)
        # Users come first in the static graph: kind 0, items kind 1.
        whole = found.ids[item][mask] + USERS * found.kind[item][mask]
        assert whole.tolist() == rows.tolist()
        assert found.ids[item][~mask].tolist() == [-1] * sum(~mask)
        assert np.allclose(found.weight[item][mask], alone.score[0][: len(rows)])


def test_with_all_time_no_clock_is_needed_and_none_matters():
    graph = graph_of([(0, 0, 1, 1), (0, 1, 9, 1)]).snapshot()
    plan = local_cluster("click", type="item", size=5, all_time=True)

    one = plan.sample(graph, Seeds.of(ALL, None))
    other = plan.sample(graph, Seeds.of(ALL, np.arange(ITEMS)))

    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_an_empty_batch_has_no_clusters():
    found = PLAN.sample(
        graph_of([(0, 0, 1, 1)]).snapshot(),
        Seeds.of(np.zeros(0, np.int32), np.zeros(0, np.int64)),
    )

    assert found.ids.shape == (0, 5)


def test_what_has_no_cluster_is_said():
    graph = graph_of([(0, 0, 1, 1)]).snapshot()
    with pytest.raises(LeakageError, match="needs a clock"):
        PLAN.sample(graph, Seeds.of(ALL, None))
    with pytest.raises(ConfigError, match="no node 'shop'"):
        local_cluster("click", type="shop", size=2).sample(graph, Seeds.of(ALL, None))
    with pytest.raises(RequestError, match="from 0 to 4"):
        PLAN.sample(graph, Seeds.of(np.array([5], np.int32), np.array([9])))


def test_a_size_beyond_all_nodes_takes_memory_for_those_there_are():
    graph = graph_of([(0, 0, 1, 1), (0, 1, 2, 1)]).snapshot()
    seeds = Seeds.of(ALL, np.full(ITEMS, 9))

    some, every = (
        local_cluster("click", type="item", size=size).sample(graph, seeds)
        for size in (USERS + ITEMS, 10**8)
    )

    assert every.ids.shape == (ITEMS, 1024)
    assert np.array_equal(every.ids[:, : USERS + ITEMS], some.ids)
