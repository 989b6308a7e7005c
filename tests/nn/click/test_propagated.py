"""Models that propagate along the graph, node by node."""

import numpy as np
import torch

from nn.click.test_factors import row_sum
from nn.click.test_models import SPEC, given_to
from tidegraph.nn.click import NGCF, LightGCN
from tidegraph.training.weights import initialised


def answered(model):
    rng = np.random.default_rng(2)
    net = initialised(lambda: model.build(SPEC), rng).eval()
    given = given_to(model, SPEC, rng)
    return net, given, net(*given)


def layers_of(net, states, kind, place, depth, layer):
    """All that a state is: its own vector, then one after each hop left below it."""
    other = {"user": "item", "item": "user"}[kind]
    own = row_sum(getattr(net, kind), states.node[depth][place])
    if depth == len(states.child):
        return [own]
    below = [
        layers_of(net, states, other, int(child), depth + 1, layer)
        for child in states.child[depth][place]
        if child >= 0
    ]
    found = [own]
    for k in range(len(states.child) - depth):
        near = sum((one[k] for one in below), torch.zeros_like(own))
        found.append(layer(k, found[k], near / max(len(below), 1)))
    return found


def assert_is_the_product(given, found, ends):
    """The logit is the product of what ``ends`` makes of the layers of both sides."""
    inputs, around = given
    for b, k in np.ndindex(*inputs.present.shape):
        user, item = (
            ends("user", around.user, b),
            ends("item", around.item, around.seat[b, k]),
        )
        torch.testing.assert_close(found[b, k], user @ item)


@torch.no_grad()
def test_lightgcn_is_the_product_of_the_means_of_all_layers():
    """He et al. (2020): no weights, nothing that bends, all layers alike."""
    net, given, found = answered(LightGCN(5, layers=2, history=3))

    def ends(kind, states, place):
        layers = layers_of(net, states, kind, int(place), 0, lambda _k, _x, near: near)
        return sum(layers) / 3

    assert_is_the_product(given, found, ends)


@torch.no_grad()
def test_ngcf_is_the_product_of_all_layers_side_by_side():
    """Wang et al. (2019), equations 7 to 10."""
    net, given, found = answered(NGCF(5, layers=2, history=3))

    def layer(k, x, near):
        y = net.pass_on[k].weight @ (x + near) + net.share[k].weight @ (x * near)
        return torch.where(y > 0, y, 0.2 * y)

    def ends(kind, states, place):
        return torch.cat(layers_of(net, states, kind, int(place), 0, layer))

    assert_is_the_product(given, found, ends)
