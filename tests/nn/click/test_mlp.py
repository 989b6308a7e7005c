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
