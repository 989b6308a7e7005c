import numpy as np
import torch

from nn.click.test_models import drawn
from tidegraph.nn.click import FM
from tidegraph.nn.factorization import sum_of_pair_products
from tidegraph.nn.inputs import InputSpec
from tidegraph.training.weights import initialised

SPEC = InputSpec(item=(9, 4), user=(7,), numbers=3)


def literal_fields(fields, inputs, b, k):
    """Vectors of the fields of one candidate: item, mean of the history, user."""
    events = [h for h in range(inputs.age.shape[1]) if inputs.real_step[b, h]]
    found = [
        table.weight[inputs.item[b, k, column]]
        for column, table in enumerate(fields.item.tables)
    ]
    for column, table in enumerate(fields.item.tables):
        total = torch.zeros(table.embedding_dim)
        for h in events:
            total += table.weight[inputs.step[b, h, column]]
        found.append(total / max(len(events), 1))
    return [*found, fields.user.tables[0].weight[inputs.user[b, 0]]]


def literal_machine(fields, machine, inputs, b, k):
    """Every weight, and every product of two fields or numbers."""
    vectors = literal_fields(fields, inputs, b, k)
    vectors += [
        x * v for x, v in zip(inputs.numbers[b, k], machine.number.weight, strict=True)
    ]
    found = sum(weight[0] for weight in literal_fields(machine.weight, inputs, b, k))
    for i, one in enumerate(vectors):
        for other in vectors[i + 1 :]:
            found = found + one @ other
    return found


def test_the_sum_of_all_pairs_is_what_a_loop_over_pairs_finds():
    """Rendle (2010), lemma 3.1."""
    vectors = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 4)))

    found = sum_of_pair_products(vectors.sum(dim=0), vectors.square().sum(dim=0))

    expected = sum(
        float(vectors[i] @ vectors[j]) for i in range(6) for j in range(i + 1, 6)
    )
    np.testing.assert_allclose(found.item(), expected, rtol=1e-12)


def test_the_logit_is_every_weight_and_every_pair_of_fields():
    """Rendle (2010), equation 1, field by field."""
    rng = np.random.default_rng(1)
    net = initialised(lambda: FM(5).build(SPEC), rng).eval()
    inputs = drawn(SPEC, rng)
    with torch.no_grad():
        found = net(inputs)

        for b, k in np.ndindex(*found.shape):
            expected = literal_machine(net.fields, net.machine, inputs, b, k)
            torch.testing.assert_close(found[b, k], expected, rtol=1e-4, atol=1e-5)
