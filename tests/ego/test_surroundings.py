import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graph.brute import EVENTS, ITEMS, USERS, graph_of
from tidegraph.ego.cluster import local_cluster
from tidegraph.ego.cluster_states import ClusterSurveyor
from tidegraph.ego.hops import hop
from tidegraph.ego.surroundings import Surveyor
from tidegraph.ego.walks import walk
from tidegraph.errors import ConfigError, LeakageError
from tidegraph.graph.sampling.seeds import Seeds

FIRST = {"user": 0, "item": USERS}
TIMED = hop("click").recent(3).hop("~click").recent(2)
EVER = hop("click").all_time().all().hop("~click").all_time().all()
REWOUND = hop("click").rewind().recent(3).hop("~click").rewind().recent(2)
QUERIES = st.lists(
    st.tuples(st.integers(0, USERS + ITEMS - 1), st.integers(0, 11)), max_size=12
)
ZIGZAG = [(0, 1), (1, 2), (2, 0), (2, 1)]
"""Users and items that are joined to one another on a way round."""


def asked(queries):
    nodes = np.array([node for node, _ in queries], np.int64)
    return nodes, np.array([clock for _, clock in queries], np.int64)


def around(found, state):
    """The neighbours of a state as (node, clock), in order."""
    near = found.column[found.ptr[state] : found.ptr[state + 1]]
    return list(zip(found.node[near].tolist(), found.clock[near].tolist(), strict=True))


def by_hand(events, node, clock, count, *, rewind):
    """The latest edges of a node before a clock, oldest first."""
    mine, other = (0, 1) if node < USERS else (1, 0)
    row, shift = (node, USERS) if node < USERS else (node - USERS, 0)
    ordered = sorted(
        (event for event in events if event[mine] == row and event[2] < clock),
        key=lambda event: event[2],
    )[-count:]
    return [(e[other] + shift, clock if rewind else e[2]) for e in ordered]


@given(EVENTS, QUERIES, st.sampled_from([TIMED, REWOUND]))
def test_each_state_has_the_neighbours_of_its_node_before_its_moment(
    events, queries, plan
):
    """Ties of time are in the order of the log, which a stable sort keeps."""
    nodes, clocks = asked(queries)
    graph = graph_of(events).snapshot()
    found = Surveyor(graph, plan, 2, FIRST).around(nodes, clocks, 0)

    assert found.node[found.seat].tolist() == nodes.tolist()
    assert found.clock[found.seat].tolist() == clocks.tolist()
    states = list(zip(found.node.tolist(), found.clock.tolist(), strict=True))
    assert len(set(states)) == len(states)
    whole, inner, asked_about = found.sizes
    assert asked_about == len(set(queries))
    for state in range(whole):
        node, clock = states[state]
        count = 3 if state < asked_about else 2
        near = around(found, state)
        if state < inner:
            hand = by_hand(events, node, clock, count, rewind=plan is REWOUND)
            assert near == hand
        else:
            assert near == []
        past = by_hand(events, node, clock, 99, rewind=False)
        assert found.strength[state] == len(past)
        weight = found.weight[found.ptr[state] : found.ptr[state + 1]]
        if any(weight > 0):
            np.testing.assert_allclose(weight.sum(), len(past), rtol=1e-5)


@given(EVENTS, QUERIES)
def test_the_future_plays_no_part(events, queries):
    """Everything at a moment or later may be another thing."""
    nodes, clocks = asked(queries)
    cut = 5
    nodes, clocks = nodes[clocks <= cut], clocks[clocks <= cut]
    others = [e if e[2] < cut else ((e[0] + 1) % USERS, e[1], *e[2:]) for e in events]
    plan = hop("click").sample(2).hop("~click").sample(2)

    found = [
        Surveyor(graph_of(some).snapshot(), plan, 2, FIRST).around(nodes, clocks, 3)
        for some in (events, others)
    ]

    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_walks_give_the_nodes_visited_most_at_each_layer(rng):
    events = [tuple(map(int, e)) for e in rng.integers(0, [4, 5, 9, 5], (40, 4))]
    graph = graph_of(events).snapshot()
    plan = walk("~click", "click", times=50, length=2).all_time().top(2)
    items = np.arange(USERS, USERS + ITEMS)

    found = Surveyor(graph, plan, 2, FIRST).around(items, None, 0)

    assert (found.node >= USERS).all()
    for state in range(found.sizes[1]):
        share = found.weight[found.ptr[state] : found.ptr[state + 1]]
        assert 0 < len(share) <= 2
        assert (np.diff(share) <= 0).all()
    users = Surveyor(graph, plan, 2, FIRST).around(np.arange(USERS), None, 0)
    assert (users.node < USERS).all()


@example([(0, 0, 0, 0), *[(u, i, 0, 1) for u, i in ZIGZAG]], [(0, 1)])
@given(EVENTS, QUERIES)
def test_a_cluster_keeps_the_edges_within_it(events, queries):
    nodes, clocks = asked(queries)
    graph = graph_of(events).snapshot()
    plan = local_cluster("click", type="item", size=4, restart=0.2, epsilon=1e-7)

    found = ClusterSurveyor(graph, plan, 2, FIRST).around(nodes, clocks, 0)

    assert found.sizes[0] == found.sizes[1]
    assert found.node[found.seat].tolist() == nodes.tolist()
    for seat, node, clock in zip(found.seat, nodes, clocks, strict=True):
        kind = "user" if node < USERS else "item"
        alone = local_cluster("click", type=kind, size=4, restart=0.2, epsilon=1e-7)
        row = np.array([node - FIRST[kind]], np.int32)
        cluster = alone.sample(graph, Seeds.of(row, np.array([clock])))
        ids = cluster.ids[0] + np.where(cluster.kind[0] == 0, 0, USERS)
        members = set(ids[cluster.mask[0]].tolist())
        linked = {
            other
            for u, i, t, weight in events
            # An edge of no weight joins nothing.
            if t < clock and weight > 0
            for one, other in ((u, i + USERS), (i + USERS, u))
            if one == node and other in members
        }
        near = [one for one, _ in around(found, seat)]
        assert sorted(near) == sorted(linked)


@given(EVENTS, st.lists(QUERIES, min_size=1, max_size=4))
def test_clusters_of_all_time_do_not_depend_on_what_was_looked_for_before(
    events, batches
):
    graph = graph_of(events).snapshot()
    plan = local_cluster("click", type="item", size=4, all_time=True)
    surveyor = ClusterSurveyor(graph, plan, 2, FIRST)

    for queries in batches:
        nodes, _ = asked(queries)
        found = surveyor.around(nodes, None, 0)
        anew = ClusterSurveyor(graph, plan, 2, FIRST).around(nodes, None, 0)
        for one, other in zip(found, anew, strict=True):
            np.testing.assert_array_equal(one, other)


def test_what_cannot_be_taken_is_said():
    graph = graph_of([(0, 0, 1, 1)]).snapshot()
    nodes = np.zeros(1, np.int64)
    with pytest.raises(ConfigError, match="one hop for each layer"):
        Surveyor(graph, TIMED, 3, FIRST)
    with pytest.raises(ConfigError, match="in all of them or in none"):
        Surveyor(graph, TIMED.hop("click").rewind().recent(2), 3, FIRST)
    with pytest.raises(ConfigError, match="comes to nodes 'item'"):
        Surveyor(graph, TIMED, 2, {"user": 0})
    with pytest.raises(LeakageError, match="needs clocks"):
        Surveyor(graph, TIMED, 2, FIRST).around(nodes, None, 0)
    plan = local_cluster("click", type="item", size=4)
    with pytest.raises(LeakageError, match="needs clocks"):
        ClusterSurveyor(graph, plan, 2, FIRST).around(nodes, None, 0)
