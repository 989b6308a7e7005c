import numpy as np
import pytest
import torch

from nn.click.test_fm import SPEC, literal_fields
from nn.click.test_models import drawn
from tidegraph.nn.click import PNN
from tidegraph.training.weights import initialised


@pytest.mark.parametrize("product", ["inner", "outer", "both"])
def test_the_first_layer_weighs_fields_and_their_products(product):
    """Qu et al. (2016), section 3, product by product."""
    rng = np.random.default_rng(1)
    net = initialised(lambda: PNN(3, (4,), product).build(SPEC), rng).eval()
    inputs = drawn(SPEC, rng, b=3, k=2)
    first: list[torch.Tensor] = []
    net.tower.layers[0].register_forward_hook(lambda _m, _i, out: first.append(out))
    with torch.no_grad():
        net(inputs)

        for b, k in np.ndindex(3, 2):
            fields = literal_fields(net.fields, inputs, b, k)
            signals = [x for field in fields for x in field] + [*inputs.numbers[b, k]]
            if product != "outer":
                for i, one in enumerate(fields):
                    signals += [one @ other for other in fields[i:]]
            if product != "inner":
                # Every pair's matrix, summed.
                outer = sum(
                    torch.outer(one, other) for one in fields for other in fields
                )
                signals += [*outer.flatten()]
            layer = net.tower.layers[0]
            expected = layer.weight @ torch.stack(signals) + layer.bias
            torch.testing.assert_close(first[0][b, k], expected, rtol=1e-4, atol=1e-5)
