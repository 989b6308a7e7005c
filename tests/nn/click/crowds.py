"""What the tests of models that read who chose an item share."""

import math

import numpy as np
import torch

from nn.click.test_factors import row_sum
from nn.click.test_models import SPEC, given_to
from tidegraph.training.weights import initialised


def answered(model, seed=4):
    """A network, what it was given, and what its last layers were given."""
    rng = np.random.default_rng(seed)
    net = initialised(lambda: model.build(SPEC), rng).eval()
    for name, weights in net.named_parameters():
        if "bias" in name or "norm" in name:
            torch.nn.init.normal_(weights)
    inputs, around = given_to(model, SPEC, rng)
    seen: list[torch.Tensor] = []
    net.tower.tower.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        net(inputs, around)
    return net, inputs, around, seen[0]


def crowd_of(vectors, states, depth, place):
    """Vectors of the users who chose an item, and of their choices, oldest first."""
    found = []
    for child, age in zip(
        states.child[depth][place], states.age[depth][place], strict=True
    ):
        if child >= 0:
            user = row_sum(vectors.users, states.node[depth + 1][child])
            bucket = min(int(math.log2(age + 1)), 11)
            known = vectors.events.known(states.event[depth + 1][child])
            about = torch.cat([vectors.events.age.weight[bucket], known])
            found.append((user, vectors.about(about)))
    return found


def asked(block, query, key, value, bias):
    """``QuerySequence`` for one who asks, head by head."""
    attention = block.attention
    part = len(query) // attention.heads
    heads = []
    for head in range(attention.heads):
        at = slice(head * part, (head + 1) * part)
        of_query, of_key = attention.norms
        q = of_query(attention.query(query)[at])
        scores = [
            float(of_key(attention.key(one)[at]) @ q) / math.sqrt(part) + more
            for one, more in zip(key, bias, strict=True)
        ]
        total = sum(math.exp(score) for score in scores)
        found = torch.zeros(part)
        for one, score in zip(value, scores, strict=True):
            found = found + math.exp(score) / total * attention.value(one)[at]
        heads.append(found)
    x = attention.out(torch.cat(heads))
    return x + block.second(torch.relu(block.first(x)))


def states_after(units, sequence):
    """The states of units after each of a sequence, from zeros."""
    h, found = torch.zeros(units.state.in_features), []
    for x in sequence:
        h = units.step(units.input(x), h)
        found.append(h)
    return found
