import numpy as np
import torch

from nn.click.test_fm import SPEC, literal_fields, literal_machine
from nn.click.test_models import drawn
from tidegraph.nn.click import DeepFM
from tidegraph.training.weights import initialised


def test_the_logit_is_a_factorisation_machine_and_the_tower_over_its_fields():
    """Guo et al. (2017), equations 1 to 4, field by field."""
    rng = np.random.default_rng(1)
    net = initialised(lambda: DeepFM(5, (6,)).build(SPEC), rng).eval()
    inputs = drawn(SPEC, rng)
    with torch.no_grad():
        found = net(inputs)

        for b, k in np.ndindex(*found.shape):
            fields = literal_fields(net.fields, inputs, b, k)
            deep = torch.cat([*fields, inputs.numbers[b, k]])
            there = torch.ones(1, 1, dtype=torch.bool)
            expected = literal_machine(net.fields, net.machine, inputs, b, k)
            expected = expected + net.tower(deep[None, None], there)[0, 0]
            torch.testing.assert_close(found[b, k], expected, rtol=1e-4, atol=1e-5)
