import math

import numpy as np
import torch

from nn.click.crowds import answered, crowd_of, states_after
from nn.click.sequences import candidate_of, events_of
from nn.click.test_factors import row_sum
from tidegraph.nn.click import DIB


def block(asking, crowd, bias):
    """Who chose an item, by how much they are as who asks."""
    each = [user + about for user, about in crowd]
    width = len(asking)
    scores = [
        float(one @ asking) / math.sqrt(width) + more
        for one, more in zip(each, bias, strict=True)
    ]
    total = sum(math.exp(score) for score in scores)
    found = torch.zeros(width)
    for one, score in zip(each, scores, strict=True):
        found = found + math.exp(score) / total * one
    return found


@torch.no_grad()
def test_items_of_events_and_a_candidate_are_who_chose_them_before():
    """Guo et al. (2019): each at its own time, asked by this user."""
    net, inputs, around, given = answered(DIB(4, (6,), history=4), seed=2)
    inputs = around.history(inputs)
    width, line = net.vectors.width, net.bias.line.weight[0]
    counts = set()

    for b, k in np.ndindex(*inputs.present.shape):
        asking = row_sum(net.crowd.users, inputs.user[b])
        events = events_of(net.vectors, inputs, b)
        for n, event in enumerate(events):
            # The events of the request are the children of its user, oldest first.
            crowd = crowd_of(net.crowd, around.user, 1, int(around.user.child[0][b, n]))
            event[:width] += net.share * block(asking, crowd, [0.0] * len(crowd))
        interest = [torch.zeros(width), *states_after(net.units, events)][-1]
        crowd = crowd_of(net.crowd, around.item, 0, int(around.seat[b, k]))
        counts.add((len(events), len(crowd)))
        bias = [float(line @ around.back[b, k, n]) for n in range(len(crowd))]
        candidate = candidate_of(net.vectors, inputs, b, k)
        candidate = candidate + net.share * block(asking, crowd, bias)
        user = net.tower.user.tables[0].weight[inputs.user[b, 0]]
        end = [candidate, interest * candidate, inputs.numbers[b, k]]
        expected = torch.cat([interest, user, *end])
        torch.testing.assert_close(given[b, k], expected, rtol=1e-4, atol=1e-5)
    assert len(counts) > 5
