import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegraph.graph.live import Graph
from tidegraph.graph.proximity.local_cluster import Clusters, local_clusters
from tidegraph.graph.proximity.pagerank_push import Push, personalized_pagerank
from tidegraph.graph.static import StaticGraph

NODES = 8
EDGES = st.lists(
    st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1), st.integers(1, 4)),
    min_size=1,
    max_size=24,
)
"""Both ends and weight of edges among a few nodes, with loops and repeats."""
ALL = np.arange(NODES, dtype=np.int32)


def static(edges: list[tuple[int, int, int]], nodes: int = NODES) -> StaticGraph:
    graph = Graph().nodes("person", {"id": np.arange(nodes)}, key="id")
    kinds = {"a": pl.Int64, "b": pl.Int64, "w": pl.Float64}
    table = pl.DataFrame(edges, schema=kinds, orient="row")
    graph.edges("knows", table, "a: person -> b: person", weight="w")
    return StaticGraph.of(graph.snapshot(), ("knows",))


def conductance(edges: list[tuple[int, int, int]], part: set[int]) -> float:
    """By a loop over the edges; 1 for what leaves nothing outside."""
    cut = sum(w for a, b, w in edges if (a in part) != (b in part))
    within = sum(w * ((a in part) + (b in part)) for a, b, w in edges)
    volume = sum(2 * w for _, _, w in edges)
    if within == 0:
        return 0.0
    return cut / min(within, volume - within) if within < volume else 1.0


def members(found: Clusters, q: int) -> list[int]:
    return [v for v in found.node[q].tolist() if v >= 0]


@given(EDGES, st.integers(1, NODES))
def test_with_loops_and_weights_a_cluster_is_the_best_prefix_of_its_sweep(edges, size):
    graph = static(edges)
    how = Push(0.15, 1e-6)
    pushed = personalized_pagerank(graph, ALL, how)

    found = local_clusters(graph, ALL, size=size, settings=how)

    for q in range(NODES):
        row = slice(pushed.ptr[q], pushed.ptr[q + 1])
        score = dict(zip(pushed.node[row].tolist(), pushed.score[row], strict=True))
        order = sorted(
            score,
            key=lambda v: (v != q, -score[v] / max(graph.strength[v], 1e-300), v),
        )[:size]
        shares = [conductance(edges, set(order[:n])) for n in range(1, len(order) + 1)]
        cluster = members(found, q)
        assert cluster == order[: len(cluster)]
        assert found.conductance[q] == pytest.approx(min(shares), abs=1e-9)
        assert conductance(edges, set(cluster)) == pytest.approx(min(shares), abs=1e-9)


@given(EDGES, st.integers(1, NODES))
def test_the_seed_is_first_nobody_stands_twice_and_size_is_kept(edges, size):
    found = local_clusters(static(edges), ALL, size=size, settings=Push())

    for q in range(NODES):
        cluster = members(found, q)
        assert cluster[0] == q
        assert len(set(cluster)) == len(cluster) <= size
        assert (found.score[q, : len(cluster)] > 0).all()
        assert (found.score[q, len(cluster) :] == 0).all()


def test_the_conductance_is_that_of_networkx():
    club = nx.karate_club_graph()
    edges = [(a, b, int(w)) for a, b, w in club.edges(data="weight")]
    seeds = np.arange(len(club), dtype=np.int32)

    found = local_clusters(
        static(edges, len(club)), seeds, size=17, settings=Push(0.1, 1e-7)
    )

    expected = [nx.conductance(club, members(found, q), weight="weight") for q in seeds]
    np.testing.assert_allclose(found.conductance, expected, rtol=1e-9)


def test_each_of_two_planted_blocks_is_found_from_any_of_its_nodes():
    rng = np.random.default_rng(1)
    # Blocks of 30 nodes: an edge within has chance 1/2, between 1/100.
    chance = np.where(np.arange(60)[:, None] // 30 == np.arange(60) // 30, 0.5, 0.01)
    drawn = np.triu(rng.random((60, 60)) < chance, 1)
    edges = [(int(a), int(b), 1) for a, b in np.argwhere(drawn)]
    seeds = np.arange(60, dtype=np.int32)

    found = local_clusters(static(edges, 60), seeds, size=40, settings=Push(0.05, 1e-6))

    for q in range(60):
        assert set(members(found, q)) == set(range(q // 30 * 30, q // 30 * 30 + 30))


def test_a_component_that_nothing_leaves_is_a_cluster_of_conductance_zero():
    # A triangle and, apart from it, a square: the smaller side is the triangle.
    edges = [(0, 1, 1), (1, 2, 1), (2, 0, 1), (3, 4, 1), (4, 5, 1), (5, 6, 1)]
    graph = static([*edges, (6, 3, 1)])

    found = local_clusters(graph, ALL, size=NODES, settings=Push(0.1, 1e-8))

    assert set(members(found, 0)) == {0, 1, 2}
    assert set(members(found, 4)) == {3, 4, 5, 6}
    assert found.conductance[:7].tolist() == [0] * 7


def test_a_node_without_edges_is_a_cluster_by_itself():
    found = local_clusters(static([(0, 1, 1)]), ALL, size=3, settings=Push())

    assert members(found, 5) == [5]
    assert found.score[5].tolist() == [1, 0, 0]
    assert found.conductance[5] == 0


def test_equal_ranks_are_taken_by_row():
    # From the middle of a star of four leaves all leaves look alike.
    star = static([(7, leaf, 1) for leaf in (5, 2, 6, 1)])

    found = local_clusters(star, np.array([7], np.int32), size=4, settings=Push())

    # Of strength 4, 4 leave the middle; 3 of 5, 2 of 6, then 1 of 7 against 1 leaf:
    # 4/4, 3/3, 2/2, 1/1. The first of equal shares is kept.
    assert members(found, 7 - 7) == [7]
    triangle = static([(7, 5, 1), (7, 2, 1), (5, 2, 1), (2, 0, 1), (5, 1, 1)])
    both = local_clusters(triangle, np.array([7], np.int32), size=3, settings=Push())
    # The triangle is left by 2 edges, of 2 at the smaller side: nothing beats 1.
    assert members(both, 0)[0] == 7


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_one_by_one_all_at_once_and_backwards_give_the_same_bits(monkeypatch, threads):
    rng = np.random.default_rng(2)
    ends = rng.integers(0, 300, (1500, 2))
    graph = static([(int(a), int(b), 1 + int(a) % 3) for a, b in ends], 300)
    seeds = np.arange(300, dtype=np.int32)
    alone = [
        local_clusters(graph, seeds[q : q + 1], size=25, settings=Push())
        for q in range(300)
    ]
    monkeypatch.setattr("tidegraph.kernels.jit.cpu_count", lambda: threads)

    whole = local_clusters(graph, seeds, size=25, settings=Push())
    turned = local_clusters(
        graph, np.ascontiguousarray(seeds[::-1]), size=25, settings=Push()
    )

    for n in range(3):
        assert np.array_equal(np.concatenate([part[n] for part in alone]), whole[n])
        assert np.array_equal(turned[n][::-1], whole[n])


def test_no_seeds_have_no_clusters():
    found = local_clusters(
        static([(0, 1, 1)]), np.zeros(0, np.int32), size=3, settings=Push()
    )

    assert found.node.shape == (0, 3)
    assert len(found.conductance) == 0


def test_a_thin_bridge_is_measured_beside_heavy_edges():
    # The bridge is lost where a sum of 10^9 and 10^-3 is kept in one double only.
    heavy = 1e9
    graph = Graph().nodes("person", {"id": np.arange(6)}, key="id")
    table = {
        "a": [0, 1, 2, 3, 4, 5, 2],
        "b": [1, 2, 0, 4, 5, 3, 3],
        "w": [heavy] * 6 + [2.0**-10],
    }
    graph.edges("knows", table, "a: person -> b: person", weight="w")
    whole = StaticGraph.of(graph.snapshot(), ("knows",))

    found = local_clusters(
        whole, np.array([0], np.int32), size=3, settings=Push(0.1, 1e-9)
    )

    assert set(members(found, 0)) == {0, 1, 2}
    assert found.conductance[0] == pytest.approx(
        2.0**-10 / (6 * heavy + 2.0**-10), rel=1e-9
    )
