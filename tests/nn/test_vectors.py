import numpy as np
import torch

from tidegraph.nn.vectors import FieldVectors
from tidegraph.training.weights import initialised


def test_two_sets_of_nodes_have_the_vectors_and_gradients_of_each_alone():
    rng = np.random.default_rng(0)
    vectors = initialised(lambda: FieldVectors((5, 3), 4), rng)
    some = torch.from_numpy(rng.integers(0, 4, (2, 3, 2)))
    more = torch.from_numpy(rng.integers(0, 4, (2, 6, 2)))
    weights = list(vectors.parameters())

    def gradients(one, other):
        return torch.autograd.grad((one * 2).sum() + (other**2).sum(), weights)

    expected, found = (vectors(some), vectors(more)), vectors.of_both(some, more)

    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    torch.testing.assert_close(gradients(*found), gradients(*expected))
