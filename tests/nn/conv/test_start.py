import numpy as np
import pytest
import torch

from tidegraph.nn.conv.start import Spectral
from tidegraph.nn.deviation import DEVIATION
from tidegraph.nn.graph_inputs import GraphInputs


def drawn(users: int, items: int) -> tuple[np.ndarray, GraphInputs]:
    """Half of all pairs but none of the third user, as a matrix and a graph."""
    linked = np.random.default_rng(0).random((users, items)) < 0.5
    linked[2] = False
    user, item = (torch.from_numpy(side) for side in np.nonzero(linked))
    return linked.astype(float), GraphInputs.bipartite(users, items, user, item)


def normalised(matrix: np.ndarray) -> np.ndarray:
    row, column = (np.maximum(matrix.sum(axis=a, keepdims=True), 1) for a in (1, 0))
    return matrix / np.sqrt(row * column)


def test_products_are_the_nearest_matrix_of_that_rank():
    matrix, graph = drawn(12, 15)

    vectors = Spectral().vectors(graph, 4).numpy().astype(float)

    u, s, v = np.linalg.svd(normalised(matrix))
    nearest = (u[:, :4] * s[:4]) @ v[:4]
    products = vectors[:12] @ vectors[12:].T
    scale = (products * nearest).sum() / (products**2).sum()
    np.testing.assert_allclose(products * scale, nearest, atol=1e-5)
    assert vectors.std() == pytest.approx(DEVIATION, rel=1e-4)


def test_items_alone_have_the_vectors_of_their_own_graph():
    matrix, _ = drawn(9, 9)
    linked = matrix.T @ matrix > 1
    row, column = (torch.from_numpy(side) for side in np.nonzero(linked))
    graph = GraphInputs(0, 9, row, column, torch.ones(len(row)))

    vectors = Spectral().vectors(graph, 3).numpy().astype(float)

    u, s, _ = np.linalg.svd(normalised(linked.astype(float)))
    nearest = (u[:, :3] * s[:3]) @ u[:, :3].T
    products = vectors @ vectors.T
    scale = (products * nearest).sum() / (products**2).sum()
    np.testing.assert_allclose(products * scale, nearest, atol=1e-5)


def test_a_small_graph_has_fewer_numbers():
    _, graph = drawn(5, 7)

    assert Spectral().vectors(graph, 64).shape == (12, 4)
