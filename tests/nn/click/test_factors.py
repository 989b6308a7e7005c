"""Models of a user's and an item's vectors, by the equations of their papers."""

import numpy as np
import torch

from nn.click.test_models import drawn
from tidegraph.nn.click import MF, NeuMF, SVDpp
from tidegraph.nn.inputs import InputSpec
from tidegraph.training.weights import initialised

SPEC = InputSpec(item=(9, 4), user=(7,), numbers=3)


def row_sum(vectors, rows):
    """The vectors of one node's fields, added up."""
    tables = zip(vectors.tables, rows, strict=True)
    return sum(table.weight[row] for table, row in tables)


def answered(model, seed=1):
    rng = np.random.default_rng(seed)
    net = initialised(lambda: model.build(SPEC), rng).eval()
    inputs = drawn(SPEC, rng)
    with torch.no_grad():
        return net, inputs, net(inputs)


def literal_mf(net, item, user):
    """Koren, Bell and Volinsky (2009), equation 4: b_i + b_u + q_i p_u."""
    of_item, of_user = net.biases
    biases = row_sum(of_item, item) + row_sum(of_user, user)
    return biases[0] + row_sum(net.item, item) @ row_sum(net.user, user)


def test_mf_is_biases_and_the_product():
    net, inputs, found = answered(MF(5))

    for b, k in np.ndindex(*found.shape):
        expected = literal_mf(net, inputs.item[b, k], inputs.user[b])
        torch.testing.assert_close(found[b, k], expected)


def test_svdpp_adds_what_the_user_chose_over_the_root_of_its_number():
    """Koren (2008), equation 15."""
    net, inputs, found = answered(SVDpp(5))

    assert not inputs.real_step.any(dim=1).all()
    for b, k in np.ndindex(*found.shape):
        expected = literal_mf(net.factors, inputs.item[b, k], inputs.user[b])
        events = inputs.step[b][inputs.real_step[b]]
        chosen = sum((row_sum(net.chosen, event) for event in events), torch.zeros(5))
        chosen = chosen / max(len(events), 1) ** 0.5
        expected = expected + row_sum(net.factors.item, inputs.item[b, k]) @ chosen
        torch.testing.assert_close(found[b, k], expected)


def test_neumf_is_one_line_over_both_halves():
    """He et al. (2017), equation 12: h [product; last layer of the tower]."""
    net, inputs, found = answered(NeuMF(5, (6,)))
    there = torch.ones(1, 1, dtype=torch.bool)

    for b, k in np.ndindex(*found.shape):
        item, user = inputs.item[b, k], inputs.user[b]
        product = row_sum(net.of_item, item) * row_sum(net.of_user, user)
        x = torch.cat([net.item(item), net.user(user), inputs.numbers[b, k]])
        layer, last = net.tower.layers[0], net.tower.last
        deep = net.tower.bends[0]((layer.weight @ x + layer.bias)[None, None], there)
        h = torch.cat([net.weigh.weight[0], last.weight[0]])
        expected = h @ torch.cat([product, deep[0, 0]]) + last.bias[0]
        torch.testing.assert_close(found[b, k], expected)
