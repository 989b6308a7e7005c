import numpy as np
import torch

from nn.click.test_models import drawn
from tidegraph.nn.click.deepfm import DeepFM, pairs
from tidegraph.nn.inputs import InputSpec
from tidegraph.training.weights import initialised


def test_the_sum_of_all_pairs_is_what_a_loop_over_pairs_finds():
    """Rendle (2010), lemma 3.1."""
    vectors = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 4)))

    found = pairs(vectors.sum(dim=0), vectors.square().sum(dim=0))

    expected = sum(
        float(vectors[i] @ vectors[j]) for i in range(6) for j in range(i + 1, 6)
    )
    np.testing.assert_allclose(found.item(), expected, rtol=1e-12)


def test_the_logit_is_first_order_and_every_pair_of_fields_and_the_tower():
    """Guo et al. (2017), equations 1 to 4, field by field."""
    rng = np.random.default_rng(1)
    spec = InputSpec(item=(9, 4), user=(7,), numbers=3)
    net = initialised(lambda: DeepFM(5, (6,)).build(spec), rng).eval()
    inputs = drawn(spec, rng)
    towers: list[torch.Tensor] = []
    net.tower.register_forward_hook(lambda _m, _i, out: towers.append(out))
    with torch.no_grad():
        found = net(inputs)

        for b, k in np.ndindex(*found.shape):
            events = [h for h in range(inputs.age.shape[1]) if inputs.real_step[b, h]]
            fields = [
                table.weight[inputs.item[b, k, column]]
                for column, table in enumerate(net.item.tables)
            ]
            fields.append(net.user.tables[0].weight[inputs.user[b, 0]])
            for column, table in enumerate(net.item.tables):
                total = torch.zeros(5)
                for h in events:
                    total += table.weight[inputs.step[b, h, column]]
                fields.append(total / max(len(events), 1))
            fields += [
                x * v for x, v in zip(inputs.numbers[b, k], net.number, strict=True)
            ]
            expected = net.first.weight[inputs.item[b, k, 0], 0] + towers[0][b, k]
            for i, one in enumerate(fields):
                for other in fields[i + 1 :]:
                    expected = expected + one @ other
            torch.testing.assert_close(found[b, k], expected, rtol=1e-4, atol=1e-5)
