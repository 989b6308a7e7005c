"""GraphZoom against its formulas, written down densely, one node at a time."""

from dataclasses import replace

import numpy as np
import pytest
import scipy

from retrieval.test_factorized import planted
from tidegraph.catalog import model
from tidegraph.data.views.matrix import Matrix
from tidegraph.ego.hops import hop
from tidegraph.errors import ConfigError
from tidegraph.graph.static import StaticGraph
from tidegraph.retrieval.factorized import Factorized
from tidegraph.retrieval.popular import Popular
from tidegraph.retrieval.recipes.factorized import graphzoom
from tidegraph.retrieval.recipes.gnn import gcn, graphsage, lightgcn
from tidegraph.retrieval.recipes.mf import bpr_mf
from tidegraph.retrieval.recipes.walk import deepwalk
from tidegraph.retrieval.solvers import (
    HOPE,
    GraphZoom,
    GraRep,
    NetMF,
    SkipGramWalks,
    Trained,
)
from tidegraph.retrieval.solvers.coarsening import coarsen, low_pass
from tidegraph.retrieval.solvers.proximities import CommonNeighborProximity
from tidegraph.testing.retrievers import RetrieverLaws, requests_at
from tidegraph.training.optimizers import Adam, PairSGD
from tidegraph.training.settings import Training
from tiers import chosen


class TestGraphZoom(RetrieverLaws):
    retriever = graphzoom(NetMF(embedding_size=4, window=3))
    seeded_by_row = True  # Signals are drawn row by row.


class TestGraphZoomOfWalks(RetrieverLaws):
    variant_of = "TestGraphZoom"
    retriever = graphzoom(SkipGramWalks(4, walks=2, length=5, window=2))
    seeded_by_row = True  # Signals are drawn row by row.


class TestSkipGramWalks(RetrieverLaws):
    retriever = Factorized("walks", SkipGramWalks(6, walks=2, length=5, window=2))
    seeded_by_row = True  # Walks are drawn row by row.


@pytest.fixture(scope="module")
def adjacency():
    """Of 40 nodes, weighted, one without an edge."""
    rng = np.random.default_rng(5)
    half = np.triu(rng.random((40, 40)) < 0.12, 1) * rng.integers(1, 4, (40, 40))
    half[7] = half[:, 7] = 0
    return scipy.sparse.csr_array((half + half.T).astype(float))


def dense_filter(adjacency, loop):
    looped = adjacency + loop * np.eye(len(adjacency))
    root = np.diag(looped.sum(axis=1) ** -0.5)
    return root @ looped @ root


@pytest.mark.parametrize("loop", [0.1, 2.0])
def test_the_filter_is_its_formula(adjacency, loop):
    found = low_pass(adjacency, loop).toarray()

    np.testing.assert_allclose(found, dense_filter(adjacency.toarray(), loop))


def test_nodes_become_one_by_the_affinity_of_smoothed_signals(adjacency):
    dense = adjacency.toarray()
    signal = np.random.default_rng(0).uniform(-1, 1, (40, 7))
    signal -= signal.mean(axis=0)
    smooth = dense_filter(dense, 0.1)
    signal = smooth @ smooth @ signal
    part, count = {}, 0
    for p in sorted(range(40), key=lambda p: -np.count_nonzero(dense[p])):
        if p in part:
            continue
        part[p] = count
        for q in np.flatnonzero(dense[p]):
            x, y = signal[p], signal[q]
            if int(q) not in part and (x @ y) ** 2 / ((x @ x) * (y @ y)) > 0.3:
                part[int(q)] = count
        count += 1

    found = coarsen(adjacency, np.random.default_rng(0))

    assert 1 < count < 40
    assert found.part.tolist() == [part[p] for p in range(40)]
    # What is alone stays alone.
    assert (found.part == found.part[7]).sum() == 1


def test_the_coarser_laplacian_is_h_l_h(adjacency):
    def laplacian(matrix):
        return np.diag(matrix.sum(axis=1)) - matrix

    level = coarsen(adjacency, np.random.default_rng(0))
    h = (level.part == np.arange(level.part.max() + 1)[:, None]).astype(float)
    coarser = level.coarser().toarray()

    assert not np.diag(coarser).any()
    want = h @ laplacian(adjacency.toarray()) @ h.T
    np.testing.assert_allclose(laplacian(coarser), want, atol=1e-12)


def pairs():
    drawn = np.random.default_rng(0).random((30, 20)) < 0.15
    drawn = drawn[drawn.any(axis=1)][:, drawn.any(axis=0)]
    return scipy.sparse.csr_array(drawn.astype(np.float32))


def whole(solved):
    """Vectors of items, then of users."""
    return np.vstack([solved.source, solved.user])


def test_vectors_are_carried_over_and_smoothed_level_by_level():
    solver = GraRep(embedding_size=2, steps=2)
    zoomed = GraphZoom(solver, levels=2, smoothing=3, loop=0.5, seed=4).solve(pairs())

    rng, matrices = np.random.default_rng(4), [solver.graph(pairs()).csr()]
    parts = []
    for _ in range(2):
        level = coarsen(matrices[-1], rng)
        parts.append(level.part)
        matrices.append(level.coarser())
    assert len(parts[0]) > matrices[1].shape[0] > matrices[2].shape[0] > 2
    vectors, _ = solver.embed(StaticGraph.of_matrix(matrices[2]))
    for part, matrix in zip(parts[::-1], matrices[1::-1], strict=True):
        smooth = dense_filter(matrix.toarray(), 0.5)
        h = (part == np.arange(part.max() + 1)[:, None]).astype(float)
        vectors = np.linalg.matrix_power(smooth, 3) @ h.T @ vectors
    np.testing.assert_allclose(whole(zoomed), vectors, rtol=1e-4, atol=1e-6)


FEW = Training(3, 128, patience=None)
EMBEDDINGS = {
    "lightgcn": lightgcn(2, 6, training=FEW, seed=0),
    "gcn": gcn(embedding_size=6, training=FEW, seed=0),
    "graphsage": replace(
        graphsage(embedding_size=6, training=FEW, seed=0),
        ego=hop("action").all_time().sample(3).hop("~action").all_time().sample(2),
    ),
    "deepwalk": deepwalk(2, 6, 2, 6, replace(FEW, optimizer=PairSGD(0.05)), seed=0),
    "bpr_mf": bpr_mf(6, training=FEW, seed=0),
}


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_without_a_level_it_is_the_embedding_alone(name):
    log, method = planted(), EMBEDDINGS[name]
    edges = Matrix.of(log)
    edges = replace(edges, weight=np.ones_like(edges.weight))
    alone, zoomed = (one.fit(edges) for one in (method, graphzoom(method, 0)))

    requests = requests_at(log)
    np.testing.assert_array_equal(zoomed.user, alone.user)
    np.testing.assert_array_equal(zoomed.item, alone.item)
    np.testing.assert_array_equal(zoomed.scores(requests), alone.scores(requests))


@pytest.mark.parametrize("name", chosen(EMBEDDINGS.keys(), "lightgcn", "deepwalk"))
def test_planted_groups_are_told_apart_by_what_is_trained_on_the_small_graph(name):
    log, method = planted(), EMBEDDINGS[name]
    rate = PairSGD(0.1) if name == "deepwalk" else Adam(3e-2)
    longer = Training(20, 128, optimizer=rate, patience=None)
    method = replace(method, training=longer)
    answer = graphzoom(method).fit(log).retrieve(requests_at(log, repeat=True), 5)

    right = answer.item % 4 == np.arange(len(log.users))[:, None] % 4
    assert right[answer.present].mean() > 0.6


def test_what_is_trained_has_a_vector_of_each_node_and_0_of_one_without_an_edge():
    edges = np.kron(np.eye(2), 1 - np.eye(3))
    edges = np.pad(edges, (0, 1))  # Two triangles, and a node alone.
    graph = StaticGraph.of_matrix(scipy.sparse.csr_array(edges))
    long = Training(200, 4, optimizer=Adam(5e-2), patience=None)

    source, target = Trained(bpr_mf(4, training=long)).embed(graph)

    score = source @ target.T
    assert (score[edges > 0].min()) > score[:6, :6][edges[:6, :6] == 0].mean()
    assert (source[6] == 0).all()
    assert (target[6] == 0).all()


def test_what_learns_no_vectors_or_reads_features_is_not_trained_on_a_graph():
    with pytest.raises(ConfigError, match="Trained is of an embedding, and Popular"):
        graphzoom(Popular())
    with pytest.raises(ConfigError, match=r"fuse them: graphzoom\(..., features"):
        graphzoom(graphsage(features=("category",)))


def test_without_a_level_it_is_the_solver_alone():
    solver = NetMF(4, window=3)
    alone, zoomed = (s.solve(pairs()) for s in (solver, GraphZoom(solver, 0)))

    for side in ("user", "source", "target"):
        np.testing.assert_array_equal(getattr(alone, side), getattr(zoomed, side))


@pytest.mark.parametrize(
    "solver", [NetMF(6), SkipGramWalks(6, length=10), GraRep(6)], ids=repr
)
def test_planted_groups_are_told_apart(solver):
    log = planted()
    answer = graphzoom(solver).fit(log).retrieve(requests_at(log, repeat=True), 5)

    right = answer.item % 4 == np.arange(len(log.users))[:, None] % 4
    assert right[answer.present].mean() > 0.6


def test_walks_take_strong_edges_and_tell_groups_apart():
    # Two pairs of nodes, strong within and weak across.
    strong, weak = 50.0, 0.5
    blocks = np.kron(np.array([[strong, weak], [weak, strong]]), np.ones((6, 6)))
    np.fill_diagonal(blocks, 0)
    graph = StaticGraph.of_matrix(scipy.sparse.csr_array(blocks))
    solver = SkipGramWalks(4, walks=200, length=10, window=2, learning_rate=0.1)
    source, target = solver.embed(graph)

    score = source @ target.T
    np.fill_diagonal(score, -np.inf)
    group = np.arange(12) // 6
    assert (group[score.argmax(axis=1)] == group).all()


def test_a_graph_that_is_too_small_to_be_coarsened_is_said():
    with pytest.raises(ConfigError, match=r"Lower levels or embedding_size"):
        GraphZoom(NetMF(16), levels=9).solve(pairs())
    # Of users and items these are vectors of items alone.
    solver = HOPE(CommonNeighborProximity(), embedding_size=4)
    with pytest.raises(ConfigError, match='on = "items"'):
        GraphZoom(solver, levels=0).solve(pairs())


def test_a_recipe_names_the_solver():
    table = {
        "model": "graphzoom",
        "solver": {"type": "SkipGramWalks", "embedding_size": 8},
        "levels": 2,
    }

    found = model(table, "recipe.toml", "retrieve")
    assert found == graphzoom(SkipGramWalks(8), levels=2)
