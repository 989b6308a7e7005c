import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import draw_log
from tidegraph.data.views.matrix import Matrix
from tidegraph.graph.proximity.proximities import adamic_adar_weights
from tidegraph.graph.proximity.series import (
    spectral_radius,
    steps_within,
)
from tidegraph.graph.static import StaticGraph


def two_users() -> Matrix:
    # a has x and y (x twice), b has y and z.
    return Matrix.from_pairs(["a", "a", "a", "b", "b"], ["x", "x", "y", "y", "z"])


def test_the_bipartite_graph_joins_each_pair_once_both_ways():
    graph = StaticGraph.bipartite(two_users())

    # Nodes: x y z, then a b.
    expected = np.zeros((5, 5))
    for user, item in [(3, 0), (3, 1), (4, 1), (4, 2)]:
        expected[user, item] = expected[item, user] = 1
    np.testing.assert_array_equal(graph.csr().toarray(), expected)
    assert graph.size("item") == 3


def test_the_item_graph_counts_users_and_has_no_loops():
    pairs = Matrix.from_pairs(["a", "a", "b", "b", "b"], ["x", "y", "x", "y", "z"])
    graph = StaticGraph.between_items(pairs)

    # a and b have both x and y; z with each of them only by b.
    expected = [[0, 2, 1], [2, 0, 1], [1, 1, 0]]
    np.testing.assert_array_equal(graph.csr().toarray(), expected)


def test_an_edge_of_the_item_graph_can_need_two_users():
    pairs = Matrix.from_pairs(["a", "a", "b", "b", "b"], ["x", "y", "x", "y", "z"])
    graph = StaticGraph.between_items(pairs, least_users=2)

    np.testing.assert_array_equal(graph.degree(), [1, 1, 0])


def test_a_shared_neighbour_of_e_squared_friends_weighs_one_half():
    weights = adamic_adar_weights(np.array([0, 1, 2, 100], np.int64))

    np.testing.assert_allclose(weights, [0, 0, 1 / math.log(2), 1 / math.log(100)])


@pytest.mark.parametrize("build", [StaticGraph.bipartite, StaticGraph.between_items])
@given(seed=st.integers(0, 10_000), events=st.integers(5, 200))
def test_the_spectral_radius_is_bounded_from_above_and_closely(build, seed, events):
    graph = build(Matrix.of(draw_log(seed, events)))

    # In float64: the tolerance is of the bound, which the true radius falls short of.
    true = np.abs(np.linalg.eigvalsh(graph.csr().toarray().astype(float))).max()

    bound = spectral_radius(graph)
    assert true * (1 - 1e-9) <= bound <= (true + 1) / (1 - 1e-3) - 1 + 1e-9


def test_a_graph_of_two_stars_has_the_radius_of_the_larger():
    # A star of n leaves has radius sqrt(n).
    star = Matrix.from_pairs(["a"] * 4 + ["b"] * 9, [f"i{i}" for i in range(13)])

    assert spectral_radius(StaticGraph.bipartite(star)) == pytest.approx(3, rel=2e-3)


@pytest.mark.parametrize(("rate", "tolerance"), [(0.5, 0.01), (0.85, 1e-6), (0.1, 0.5)])
def test_what_is_cut_off_is_within_the_tolerance_and_no_step_is_wasted(rate, tolerance):
    steps = steps_within(rate, tolerance)

    assert rate ** (steps + 1) <= tolerance * (1 + 1e-6)
    assert steps == 1 or rate**steps > tolerance
