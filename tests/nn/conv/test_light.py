import numpy as np
import pytest
import torch

from tidegraph.nn.conv.light import LightPropagation
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.training.weights import initialised


@pytest.mark.parametrize("layers", [1, 3])
def test_vectors_are_the_mean_of_powers_of_the_normalised_adjacency(layers):
    """He et al. (2020), equation 8, on a dense matrix; a node may have no edge."""
    rng = np.random.default_rng(0)
    linked = rng.random((5, 7)) < 0.4
    linked[2] = False
    user, item = (torch.from_numpy(side) for side in np.nonzero(linked))
    graph = GraphInputs.bipartite(5, 7, user, item)
    net = initialised(lambda: LightPropagation(layers).of_graph(graph, 4), rng)
    a = np.zeros((12, 12))
    a[:5, 5:], a[5:, :5] = linked, linked.T
    scale = 1 / np.sqrt(np.maximum(a.sum(axis=1), 1))
    a = scale[:, None] * a * scale
    first = net.first.own.weight.detach().numpy()
    nodes = torch.tensor([11, 0, 2, 5, 0])

    with torch.no_grad():
        found = net(nodes).numpy()

    expected = np.mean(
        [np.linalg.matrix_power(a, k) @ first for k in range(layers + 1)], axis=0
    )
    np.testing.assert_allclose(found, expected[nodes], rtol=1e-4, atol=1e-6)
