import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import draw_log
from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import ConfigError
from tidegraph.graph.proximity.series import steps_within
from tidegraph.graph.static import StaticGraph
from tidegraph.retrieval.scoring import walk_scores
from tidegraph.retrieval.scoring.walk_scores import two_steps, walks

BUILDS = [StaticGraph.bipartite, StaticGraph.between_items]
both = pytest.mark.parametrize("build", BUILDS)
any_log = given(seed=st.integers(0, 10_000), events=st.integers(20, 200))
few = settings(max_examples=15)


def drawn(build, seed: int = 0, events: int = 200) -> tuple[StaticGraph, np.ndarray]:
    """A graph, and what its nodes hand on."""
    graph = build(Matrix.of(draw_log(seed, events)))
    scale = np.random.default_rng(seed).random(len(graph)) / graph.size("item")
    return graph, scale


def dense(
    graph: StaticGraph, scale: np.ndarray, factor: float, steps: int
) -> np.ndarray:
    """The sum over walks from each item, by powers of the whole matrix."""
    step = factor * graph.csr().toarray().astype(float) * scale
    total = sum(np.linalg.matrix_power(step, k) for k in range(steps + 1))
    items = graph.size("item")
    found = np.asarray(total).T[:items, :items]
    # An item that nobody has is not even reached from itself.
    found[graph.degree()[:items] == 0] = 0
    return found


def assert_keeps_the_largest(cut: np.ndarray, full: np.ndarray, count: int) -> None:
    """Each row of ``cut`` is that of ``full`` with its largest entries only."""
    for short, row in zip(cut, full, strict=True):
        kept = np.lexsort((np.arange(len(row)), -row))[:count]
        expected = np.zeros_like(row)
        expected[kept] = row[kept]
        np.testing.assert_array_equal(short, expected)


@both
@few
@any_log
def test_tables_of_walks_are_the_neumann_series(build, seed, events):
    graph, scale = drawn(build, seed, events)

    found = walks(graph, scale, 0.7, 6, None).toarray()

    expected = dense(graph, scale, 0.7, 6)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)


@both
def test_as_many_neighbours_as_items_are_all(build):
    graph, scale = drawn(build)

    wide = walks(graph, scale, 0.7, 6, graph.size("item")).toarray()

    np.testing.assert_array_equal(wide, walks(graph, scale, 0.7, 6, None).toarray())


@both
def test_rooted_pagerank_is_that_of_networkx(build):
    graph = build(Matrix.of(draw_log()))
    peer = nx.from_scipy_sparse_array(graph.csr())
    root = 3
    expected = nx.pagerank(peer, alpha=0.8, personalization={root: 1}, tol=1e-12)

    scale = 1 / np.maximum(graph.strength, 1)
    found = walks(graph, scale, 0.8, steps_within(0.8, 1e-9), None).toarray()[root]

    reached = [expected[i] for i in range(graph.size("item"))]
    np.testing.assert_allclose(0.2 * found, reached, rtol=1e-4, atol=1e-8)


@both
@few
@any_log
def test_rows_of_shared_neighbours_keep_their_largest_entries(build, seed, events):
    graph, scale = drawn(build, seed, events)
    full = two_steps(graph, scale, None).toarray()

    assert_keeps_the_largest(two_steps(graph, scale, 3).toarray(), full, 3)


@few
@any_log
def test_walks_of_one_round_keep_their_largest_entries(seed, events):
    graph, scale = drawn(StaticGraph.between_items, seed, events)
    full = walks(graph, scale, 0.7, 1, None).toarray()

    assert_keeps_the_largest(walks(graph, scale, 0.7, 1, 3).toarray(), full, 3)


@both
@pytest.mark.parametrize("steps", [4, 9])
def test_rows_that_are_cut_are_never_above_the_sum_and_near_it(build, steps):
    graph, scale = drawn(build)
    full = dense(graph, scale, 0.7, steps)

    short = np.inf
    for neighbors in (1, 3, 10, 40):
        cut = walks(graph, scale, 0.7, steps, neighbors).toarray()
        assert ((cut > 0).sum(axis=1) <= neighbors).all()
        assert (cut <= full * (1 + 1e-5)).all()
        missing = (full - cut).sum()
        assert missing <= short + 1e-9
        short = missing
    assert short <= 1e-5 * full.sum()


def test_blocks_of_rows_are_concatenated_as_if_they_were_one(monkeypatch):
    graph, scale = drawn(StaticGraph.bipartite)
    whole = walks(graph, scale, 0.7, 4, 5)
    monkeypatch.setattr(walk_scores, "_ENTRIES", 1)
    big = StaticGraph.bipartite(
        Matrix.from_pairs([n // 2 for n in range(400)], [n % 150 for n in range(400)])
    )
    ones = np.ones(len(big))

    parts = two_steps(big, ones, None).toarray()

    np.testing.assert_array_equal(
        walks(graph, scale, 0.7, 4, 5).toarray(), whole.toarray()
    )
    adjacency = big.csr().toarray()
    expected = (adjacency @ adjacency)[: big.size("item"), : big.size("item")]
    np.fill_diagonal(expected, 0)
    np.testing.assert_array_equal(parts, expected)


def test_no_neighbours_are_refused():
    graph, scale = drawn(StaticGraph.bipartite)

    with pytest.raises(ConfigError, match="neighbors is 0"):
        walks(graph, scale, 0.7, 4, 0)
