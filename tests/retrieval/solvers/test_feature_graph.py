"""The graph of features against its definition, one node at a time."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import scipy

from retrieval.solvers.test_graphzoom import pairs, whole
from retrieval.test_factorized import planted
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import interactions
from tidegraph.errors import DataError
from tidegraph.graph.static import StaticGraph
from tidegraph.retrieval.factorized import Factorized
from tidegraph.retrieval.recipes.factorized import graphzoom
from tidegraph.retrieval.solvers import GraphZoom, GraRep, NetMF, ProNE
from tidegraph.retrieval.solvers.coarsening import coarsen
from tidegraph.retrieval.solvers.feature_graph import (
    clusters,
    describe_items,
    feature_graph,
)


@pytest.fixture(scope="module")
def adjacency():
    """Of 40 nodes, weighted."""
    rng = np.random.default_rng(5)
    half = np.triu(rng.random((40, 40)) < 0.12, 1) * rng.integers(1, 4, (40, 40))
    return scipy.sparse.csr_array((half + half.T).astype(float))


def items_of(rng, count=30):
    """Two columns: a number, and a category with gaps."""
    ids = pl.Series([f"i{n}" for n in range(count)])
    kind = [None if n % 7 == 0 else "abc"[n % 3] for n in range(count)]
    number = rng.normal(size=count).round(1)
    table = pl.DataFrame({"item": ids, "kind": kind, "size": number})
    return Vocabulary.of_different(ids).with_features(table, "item")


def test_features_are_standardised_numbers_and_a_column_for_each_category():
    items = items_of(np.random.default_rng(0))
    rows = np.array([3, 4, 5, 6, 7, 8, 9])
    found = describe_items(items, ("size", "kind"), rows).toarray()

    size = items.features["size"].to_numpy()[rows]
    np.testing.assert_allclose(
        found[:, 0], (size - size.mean()) / size.std(), rtol=1e-6
    )
    # a b c a - c a, in the order in which they come: 7 has no kind.
    want = np.zeros((7, 3))
    want[[0, 3, 6], 0] = want[1, 1] = want[[2, 5], 2] = 1
    np.testing.assert_array_equal(found[:, 1:], want)


@pytest.mark.parametrize("neighbors", [1, 2, 5])
def test_items_are_joined_with_those_of_their_cluster_most_like_them(neighbors):
    """In floats that are whole numbers, so that ties are ties."""
    rng = np.random.default_rng(neighbors)
    known = rng.integers(-2, 3, (40, 4)).astype(float)
    known[5] = 0  # Of which nothing is known.
    part = rng.integers(0, 4, 40)
    want = np.zeros((40, 40))
    for i in range(40):
        # Of equals those that come next, and then the first.
        others = [j for j in np.flatnonzero(part == part[i]) if j != i]
        others.sort(key=lambda j: (((known[i] - known[j]) ** 2).sum(), (j - i) % 40))
        for j in others[:neighbors]:
            length = np.linalg.norm(known[i]) * np.linalg.norm(known[j])
            cosine = known[i] @ known[j] / length if length else 0
            want[i, j] = want[j, i] = max(want[i, j], cosine)

    found = feature_graph(scipy.sparse.csr_array(known), part, neighbors).toarray()

    np.testing.assert_allclose(found, want, atol=1e-12)
    assert (found[5] == 0).all()


def test_clusters_are_what_five_levels_of_coarsening_leave(adjacency):
    rng, again = np.random.default_rng(3), np.random.default_rng(3)
    part, matrix = np.arange(40), adjacency
    for _ in range(5):
        level = coarsen(matrix, rng)
        part = np.array([level.part[p] for p in part])
        matrix = level.coarser()

    np.testing.assert_array_equal(clusters(adjacency, again), part)


def test_edges_of_features_are_added_to_those_of_the_graph():
    matrix, rng = pairs(), np.random.default_rng(0)
    known = scipy.sparse.csr_array(rng.normal(size=(matrix.shape[1], 3)))
    solver, seed = GraRep(embedding_size=2, steps=2), 4
    zoom = GraphZoom(
        solver, levels=0, seed=seed, features=("x",), neighbors=3, fusion=0.5
    )

    found = zoom.solve(matrix, known)

    graph = solver.graph(matrix).csr().toarray()
    items = matrix.shape[1]
    part = clusters(scipy.sparse.csr_array(graph), np.random.default_rng(seed))[:items]
    joined = graph.copy()
    joined[:items, :items] += 0.5 * feature_graph(known, part, 3).toarray()
    assert not np.array_equal(joined, graph)
    vectors, _ = solver.embed(StaticGraph.of_matrix(scipy.sparse.csr_array(joined)))
    np.testing.assert_allclose(whole(found), vectors, rtol=1e-4, atol=1e-6)


def test_features_tell_what_the_log_does_not():
    """Users take items of any kind, so that the kind shows in vectors by features."""
    rng = np.random.default_rng(0)
    user, item = np.repeat(np.arange(80), 6), rng.integers(0, 60, 480)
    table = pl.DataFrame({"item": range(60), "kind": [f"k{n % 3}" for n in range(60)]})
    log = interactions(user, item, np.arange(480))
    log = replace(log, items=log.items.with_features(table, "item"))
    alike = []
    for features in ((), ("kind",)):
        fitted = Factorized(
            "zoom", GraphZoom(ProNE(8), 0, features=features, neighbors=10)
        ).fit(log)
        vectors = fitted.item / np.linalg.norm(fitted.item, axis=1, keepdims=True)
        kind = log.items.ids.to_numpy() % 3
        near = vectors @ vectors.T
        same = kind[:, None] == kind
        np.fill_diagonal(same, False)
        other = kind[:, None] != kind
        alike.append(near[same].mean() - near[other].mean())

    assert alike[1] > alike[0] + 0.1


def test_a_feature_that_items_lack_is_said_before_the_work():
    log = planted()
    method = graphzoom(NetMF(4), features=("colour",))

    for step in (method.check, method.fit):
        with pytest.raises(DataError, match="'colour' is no feature of items"):
            step(log)
