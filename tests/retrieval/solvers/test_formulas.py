"""Every solver against its formula, written down densely."""

import numpy as np
import pytest
import scipy

from tidegraph.errors import ConfigError
from tidegraph.retrieval.solvers import HOPE, GraRep, NetMF, ProNE
from tidegraph.retrieval.solvers.graphs import graph_of
from tidegraph.retrieval.solvers.proximities import (
    AdamicAdarProximity,
    CommonNeighborProximity,
    KatzProximity,
    PageRankProximity,
)

BOTH = pytest.mark.parametrize("on", ["bipartite", "items"])


@pytest.fixture(scope="module")
def pairs():
    drawn = np.random.default_rng(0).random((30, 20)) < 0.25
    drawn = drawn[drawn.any(axis=1)][:, drawn.any(axis=0)]
    return scipy.sparse.csr_array(drawn.astype(np.float32))


def adjacency(pairs, on):
    """Items first, then users; written apart from the code under test."""
    dense = pairs.toarray().astype(float)
    if on == "items":
        shared = dense.T @ dense
        return shared - np.diag(np.diag(shared))
    users, items = dense.shape
    zeros = np.zeros((items, items)), np.zeros((users, users))
    return np.block([[zeros[0], dense.T], [dense, zeros[1]]])


def walk(matrix):
    return matrix / np.maximum(matrix.sum(axis=1), 1e-300)[:, None]


def nearest(matrix, rank):
    left, value, right = np.linalg.svd(matrix)
    return (left[:, :rank] * value[:rank]) @ right[:rank]


def products(solved):
    """Of every source, items first, with every item as a target."""
    return np.vstack([solved.source, solved.user]) @ solved.target.T


def near(found, whole, rank, items):
    want = nearest(whole, rank)[:, :items]
    np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-6 * abs(want).max())


@BOTH
@pytest.mark.parametrize("share", [0.1, 0.8, 0.99])
def test_hope_keeps_katz(pairs, on, share):
    a = adjacency(pairs, on)
    beta = share / np.abs(np.linalg.eigvalsh(a)).max()
    solved = HOPE(KatzProximity(beta), 7, on).solve(pairs)
    whole = np.linalg.inv(np.eye(len(a)) - beta * a) @ (beta * a)

    near(products(solved), whole, 7, pairs.shape[1])


@BOTH
@pytest.mark.parametrize("restart", [0.02, 0.15, 0.9])
def test_hope_keeps_rooted_pagerank(pairs, on, restart):
    p = walk(adjacency(pairs, on))
    whole = restart * np.linalg.inv(np.eye(len(p)) - (1 - restart) * p)
    solved = HOPE(PageRankProximity(restart), 6, on).solve(pairs)

    near(products(solved), whole, 6, pairs.shape[1])


@BOTH
def test_hope_keeps_common_neighbours_and_a_user_is_their_history(pairs, on):
    linked = (adjacency(pairs, on) > 0).astype(float)
    items = pairs.shape[1]
    solved = HOPE(CommonNeighborProximity(), 5, on).solve(pairs)

    assert not len(solved.user)
    near(products(solved), (linked @ linked)[:items, :items], 5, items)


@BOTH
def test_hope_keeps_adamic_adar(pairs, on):
    linked = (adjacency(pairs, on) > 0).astype(float)
    degree = linked.sum(axis=1)
    rare = np.where(degree > 1, 1 / np.log(np.maximum(degree, 2)), 0)
    items = pairs.shape[1]
    solved = HOPE(AdamicAdarProximity(), 5, on).solve(pairs)

    near(products(solved), (linked * rare @ linked)[:items, :items], 5, items)


def deepwalk(a, window, negatives, value=None):
    """log max(M, 1) of NetMF, perhaps of so many of the largest eigenvalues."""
    degree = a.sum(axis=1)
    root = degree**-0.5
    eigen, vector = np.linalg.eigh(root[:, None] * a * root)
    if value is not None:
        eigen, vector = eigen[-value:], vector[:, -value:]
    passed = np.mean([eigen**r for r in range(1, window + 1)], axis=0)
    m = root[:, None] * (vector * passed @ vector.T) * root
    return np.log(np.maximum(m * degree.sum() / negatives, 1))


@BOTH
@pytest.mark.parametrize(("window", "negatives"), [(2, 1.0), (3, 1.0), (10, 0.5)])
def test_netmf_is_its_formula(pairs, on, window, negatives):
    whole = deepwalk(adjacency(pairs, on), window, negatives)
    solved = NetMF(6, window, negatives, None, on).solve(pairs)

    near(products(solved), whole, 6, pairs.shape[1])


@BOTH
@pytest.mark.parametrize("negatives", [0.5, 1.0])
def test_netmf_of_a_window_of_1_is_its_formula_in_the_room_of_edges(
    pairs, on, negatives
):
    whole = deepwalk(adjacency(pairs, on), 1, negatives)
    solved = NetMF(6, 1, negatives, on=on, memory_limit_gb=1e-9).solve(pairs)

    items = pairs.shape[1]
    if on == "items":
        near(products(solved), whole, 6, items)
        return
    links = whole[items:, :items]
    assert not whole[:items, :items].any()  # No walk of a step joins two items.
    near(solved.user @ solved.target.T, links, 6, items)
    _, value, right = np.linalg.svd(links)
    alike = (right[:6].T * value[:6]) @ right[:6]
    near(solved.source @ solved.target.T, alike, 6, items)


@BOTH
@pytest.mark.parametrize("rank", [4, 12])
def test_netmf_of_few_eigenvalues_is_its_formula(pairs, on, rank):
    whole = deepwalk(adjacency(pairs, on), 5, 0.5, rank)
    solved = NetMF(4, 5, 0.5, rank, on, steps=30).solve(pairs)
    want = nearest(whole, 4)[:, : pairs.shape[1]]

    np.testing.assert_allclose(products(solved), want, atol=1e-5 * abs(want).max())


def test_netmf_holds_no_matrix_of_all_pairs(pairs, monkeypatch):
    whole = NetMF(4, 5, 0.5, 6).solve(pairs)
    monkeypatch.setattr("tidegraph.retrieval.solvers.netmf._NUMBERS", 100)
    rows = NetMF(4, 5, 0.5, 6).solve(pairs)

    np.testing.assert_allclose(products(rows), products(whole), atol=1e-5)


@BOTH
@pytest.mark.parametrize("negatives", [1.0, 2.0])
def test_grarep_adds_up_its_steps(pairs, on, negatives):
    p = walk(adjacency(pairs, on))
    items = pairs.shape[1]
    want = np.zeros((len(p), items))
    for k in (1, 2, 3):
        power = np.linalg.matrix_power(p, k)
        with np.errstate(divide="ignore"):
            log = np.log(power / power.sum(axis=0)) - np.log(negatives / len(p))
        want += nearest(np.maximum(0, log), 3)[:, :items]

    solved = GraRep(3, 3, negatives, on).solve(pairs)

    assert solved.target.shape == (items, 9)
    np.testing.assert_allclose(products(solved), want, atol=1e-6 * abs(want).max())


def test_prone_is_its_formula(pairs):
    p = walk(adjacency(pairs, "items"))
    noise = p.sum(axis=0) ** 0.75
    with np.errstate(divide="ignore"):
        edges = np.where(p > 0, np.log(p) - np.log(noise / noise.sum()), 0)
    left, value, _ = np.linalg.svd(edges)
    factor = left[:, :4] * value[:4] ** 0.5
    eigen, vector = np.linalg.eig(np.eye(len(p)) - p)
    passed = np.exp(-0.5 * 0.5 * ((eigen - 0.2) ** 2 - 1))
    band = (vector * passed @ np.linalg.inv(vector)).real
    left, value, _ = np.linalg.svd(p @ (factor - band @ factor), full_matrices=False)
    want = left * value @ left.T

    solved = ProNE(4).solve(pairs)

    items = pairs.shape[1]
    found = products(solved)
    np.testing.assert_allclose(found, want[:, :items], atol=1e-6 * abs(want).max())


def test_the_graphs_are_those_of_the_pairs(pairs):
    for on in ("bipartite", "items"):
        found = graph_of("X", pairs, on).csr().toarray()
        np.testing.assert_array_equal(found, adjacency(pairs, on))


@pytest.mark.parametrize(
    ("solver", "match"),
    [
        (HOPE(KatzProximity(9.0), 4), r"beta=9\.0, but .* below 0\.1"),
        (
            HOPE(embedding_size=64),
            "HOPE has embedding_size=64, but the graph has 49 nodes",
        ),
        (
            GraRep(20, on="items"),
            "GraRep has embedding_size=20, but the graph has 20 nodes",
        ),
        (GraRep(4, memory_limit_gb=1e-6), "on 49 nodes needs .* take NetMF or HOPE"),
        (
            NetMF(4, window=2, memory_limit_gb=1e-6),
            "needs .* take window = 1, or .* rank",
        ),
    ],
)
def test_what_cannot_be_solved_is_said(pairs, solver, match):
    with pytest.raises(ConfigError, match=match):
        solver.solve(pairs)


def test_a_matrix_with_too_few_singular_vectors_is_said(pairs):
    with pytest.raises(ConfigError, match=r"embedding_size=25 need .* 49 and 20"):
        HOPE(CommonNeighborProximity(), 25).solve(pairs)


def test_items_that_share_no_user_have_no_graph():
    alone = scipy.sparse.csr_array(np.eye(5, dtype=np.float32))

    with pytest.raises(ConfigError, match="no two items share a user"):
        HOPE(embedding_size=2, on="items").solve(alone)
