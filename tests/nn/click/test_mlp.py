import numpy as np
import torch

from nn.click.test_models import SPEC, drawn
from tidegraph.nn.click import MLP
from tidegraph.training.weights import initialised


def test_it_reads_the_numbers_and_nothing_else():
    rng = np.random.default_rng(0)
    net = initialised(lambda: MLP((6,)).build(SPEC), rng).eval()
    one, other = drawn(SPEC, rng), drawn(SPEC, rng)

    with torch.no_grad():
        found = net(other._replace(numbers=one.numbers))

        torch.testing.assert_close(found, net(one))
        assert not torch.allclose(found, net(other))


def test_it_is_the_layers_one_after_the_other():
    rng = np.random.default_rng(0)
    net = initialised(lambda: MLP((4, 3)).build(SPEC), rng).eval()
    inputs = drawn(SPEC, rng)
    (one, two), last = net.tower.layers, net.tower.last
    with torch.no_grad():
        found = net(inputs)

        # Before it is trained, what bends is x times its sigmoid.
        for b, k in np.ndindex(*found.shape):
            x = inputs.numbers[b, k]
            for layer in (one, two):
                x = layer.weight @ x + layer.bias
                x = x * torch.sigmoid(x / (1 + 1e-5) ** 0.5)
            expected = last.weight[0] @ x + last.bias[0]
            torch.testing.assert_close(found[b, k], expected)
