import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.brute import EVENTS, ITEMS, USERS, graph_of
from tidegraph.errors import ConfigError, DataError, RequestError
from tidegraph.graph.live import Graph
from tidegraph.graph.proximity.local_cluster import local_clusters
from tidegraph.graph.proximity.pagerank_push import Push, personalized_pagerank
from tidegraph.graph.static import StaticGraph

NODES = USERS + ITEMS


def adjacency(events) -> np.ndarray:
    dense = np.zeros((NODES, NODES))
    for user, item, _, weight in events:
        dense[user, USERS + item] += weight
        dense[USERS + item, user] += weight
    return dense


def static(events) -> StaticGraph:
    return StaticGraph.of(graph_of(events).snapshot(), ("click",))


def exact(dense: np.ndarray, restart: float) -> np.ndarray:
    """Rooted PageRank by a dense inverse; nodes without edges keep their walks."""
    degree = dense.sum(axis=1)
    step = np.divide(dense, degree[:, None], where=degree[:, None] > 0, out=dense * 0)
    found = restart * np.linalg.inv(np.eye(NODES) - (1 - restart) * step)
    found[degree == 0] = np.eye(NODES)[degree == 0]
    return found


def friends(pairs) -> StaticGraph:
    size = max(max(p) for p in pairs) + 1
    graph = Graph().nodes("person", {"id": np.arange(size)}, key="id")
    table = {"a": [a for a, _ in pairs], "b": [b for _, b in pairs]}
    graph.edges("knows", table, "a: person -> b: person")
    return StaticGraph.of(graph.snapshot(), ("knows",))


@given(EVENTS)
def test_types_are_laid_end_to_end_and_parallel_edges_added(events):
    found = static(events)
    dense = np.zeros((NODES, NODES))
    for v in range(NODES):
        row = slice(found.ptr[v], found.ptr[v + 1])
        dense[v, found.node[row]] = found.weight[row]

    assert np.array_equal(dense, adjacency(events))
    assert np.allclose(found.strength, dense.sum(axis=1))
    assert found.rows("item", np.array([2], np.int32)).tolist() == [USERS + 2]
    assert found.kinds(np.array([0, USERS], np.int32)).tolist() == [0, 1]


@given(EVENTS, st.floats(0.05, 0.9), st.sampled_from([1e-2, 1e-4, 1e-8]))
def test_push_is_below_pagerank_by_no_more_than_its_bound(events, restart, epsilon):
    graph = static(events)
    seeds = np.arange(NODES, dtype=np.int32)
    found = personalized_pagerank(graph, seeds, Push(restart, epsilon))
    true = exact(adjacency(events), restart)

    for q in range(NODES):
        row = slice(found.ptr[q], found.ptr[q + 1])
        score = np.zeros(NODES)
        score[found.node[row]] = found.score[row]
        gap = true[q] - score
        assert (gap >= -1e-12).all()
        assert (gap <= epsilon * graph.strength + 1e-12).all()
        assert gap.sum() == pytest.approx(found.left[q], abs=1e-9)
        assert (np.diff(found.score[row]) <= 0).all()


def test_push_agrees_with_networkx():
    pairs = [(0, 1), (1, 2), (2, 3), (3, 0), (2, 4), (4, 5)]
    found = personalized_pagerank(
        friends(pairs), np.array([2], np.int32), Push(0.2, 1e-12)
    )
    peer = nx.pagerank(
        nx.Graph(pairs), alpha=0.8, personalization={2: 1}, tol=1e-12, max_iter=999
    )

    scores = dict(zip(found.node.tolist(), found.score, strict=True))
    assert scores == pytest.approx(peer, abs=1e-8)


def test_work_stays_near_the_seed():
    chain = friends([(v, v + 1) for v in range(5000)])
    found = personalized_pagerank(chain, np.array([0], np.int32), Push(0.2, 1e-3))

    assert 0 < found.node.max() < 100


def conductance(dense: np.ndarray, part: list[int]) -> float:
    inside = np.zeros(len(dense), bool)
    inside[part] = True
    within, outside = dense[inside].sum(), dense[~inside].sum()
    if within == 0:
        return 0.0
    return dense[inside][:, ~inside].sum() / min(within, outside) if outside else 1.0


@given(EVENTS, st.integers(1, NODES))
def test_a_cluster_is_the_best_prefix_of_the_sweep(events, size):
    graph, dense = static(events), adjacency(events)
    seeds = np.arange(NODES, dtype=np.int32)
    pushed = personalized_pagerank(graph, seeds, Push(0.15, 1e-7))
    found = local_clusters(graph, seeds, size=size, settings=Push(0.15, 1e-7))

    for q in range(NODES):
        row = slice(pushed.ptr[q], pushed.ptr[q + 1])
        scores = dict(zip(pushed.node[row].tolist(), pushed.score[row], strict=True))
        order = sorted(
            scores,
            key=lambda v: (v != q, -scores[v] / max(graph.strength[v], 1e-300), v),
        )[:size]
        shares = [conductance(dense, order[: n + 1]) for n in range(len(order))]
        cluster = found.node[q][found.node[q] >= 0].tolist()
        assert cluster[0] == q
        assert cluster == order[: len(cluster)]
        assert found.conductance[q] == pytest.approx(min(shares), abs=1e-9)
        assert conductance(dense, cluster) == pytest.approx(min(shares), abs=1e-9)


def test_planted_clusters_are_found():
    left = [(a, b) for a in range(8) for b in range(a)]
    right = [(a + 8, b + 8) for a, b in left]
    graph = friends([*left, *right, (0, 8)])
    seeds = np.array([3, 12], np.int32)
    found = local_clusters(graph, seeds, size=16, settings=Push(0.1, 1e-6))

    assert set(found.node[0].tolist()) == {*range(8), -1}
    assert set(found.node[1].tolist()) == {*range(8, 16), -1}
    # One of 57 strengths (8 * 7 / 2 edges twice, and the bridge) leaves.
    assert np.allclose(found.conductance, 1 / 57)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_threads_and_splits_change_nothing(monkeypatch, threads):
    rng = np.random.default_rng(0)
    pairs = [(int(a), int(b)) for a, b in rng.integers(0, 200, (900, 2)) if a != b]
    graph = friends([*pairs, (198, 199)])
    seeds = np.arange(200, dtype=np.int32)
    whole = local_clusters(graph, seeds, size=20, settings=Push())
    monkeypatch.setattr("tidegraph.kernels.jit.cpu_count", lambda: threads)
    parts = [
        local_clusters(graph, seeds[a : a + 70], size=20, settings=Push())
        for a in range(0, 200, 70)
    ]

    for n in range(3):
        assert np.array_equal(np.concatenate([p[n] for p in parts]), whole[n])


@given(EVENTS, st.integers(0, 11))
def test_the_future_changes_no_cluster(events, clock):
    before = [e for e in events if e[2] < clock]
    seeds = np.arange(NODES, dtype=np.int32)
    one, other = (
        local_clusters(
            StaticGraph.of(graph_of(x).snapshot().before(clock), ("click",)),
            seeds,
            size=5,
            settings=Push(),
        )
        for x in (events, before)
    )

    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_what_cannot_be_pushed_is_said():
    with pytest.raises(ConfigError, match=r"restart is 1\.0"):
        Push(restart=1.0)
    with pytest.raises(DataError, match="have a weight below 0"):
        static([(0, 0, 1, -1)])
    with pytest.raises(ConfigError, match="holds nothing"):
        local_clusters(static([]), np.zeros(1, np.int32), size=0, settings=Push())


def test_the_unit_of_the_weights_changes_no_score():
    events = [(0, 0, 1, 2.0), (0, 1, 2, 1.0), (1, 1, 3, 4.0), (2, 1, 4, 0.5)]
    seeds = np.arange(NODES, dtype=np.int32)
    pounds = static(events)
    # A power of two scales floating point numbers exactly.
    grains = static([(u, i, t, w * 2**13) for u, i, t, w in events])
    one, other = (
        personalized_pagerank(graph, seeds, Push(0.15, 1e-3))
        for graph in (pounds, grains)
    )

    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_hub_is_pushed_once_however_large_epsilon_is():
    star = friends([(0, leaf) for leaf in range(1, 51)])

    found = personalized_pagerank(star, np.array([0], np.int32), Push(0.2, 0.5))

    # One push keeps 0.2 and hands on 0.8, of which no leaf holds enough to push.
    assert found.node.tolist() == [0]
    assert found.score.tolist() == [0.2]
    assert found.left.tolist() == pytest.approx([0.8])


@pytest.mark.parametrize("seed", [-1, 6])
def test_a_seed_that_is_no_node_is_refused(seed):
    chain = friends([(v, v + 1) for v in range(5)])

    with pytest.raises(RequestError, match="the graph has 6 nodes"):
        personalized_pagerank(chain, np.array([seed], np.int32), Push())
