import numpy as np
import torch

from nn.click.crowds import answered, asked, crowd_of, states_after
from nn.click.sequences import candidate_of, events_of
from nn.click.test_factors import row_sum
from tidegraph.nn.click import TIEN


@torch.no_grad()
def test_both_sides_are_asked_and_an_item_s_times_are_read():
    """Li et al. (2020), as their code does it, one pair at a time."""
    net, inputs, around, given = answered(TIEN(4, (6,), heads=2, history=7), seed=0)
    inputs = around.history(inputs)
    vectors, states, width = net.states.vectors, around.item, net.states.vectors.width
    counts = set()

    for b, k in np.ndindex(*inputs.present.shape):
        candidate = candidate_of(vectors, inputs, b, k)
        events = states_after(net.states.units, events_of(vectors, inputs, b))
        bias = [
            float(net.of_user.cross.line.weight[0] @ inputs.cross[b, k, place])
            for place in reversed(range(len(events)))
        ]
        taste = asked(net.of_user, candidate, events, events, bias)
        crowd = crowd_of(net.crowd, states, 0, int(around.seat[b, k]))
        counts.add(len(crowd))
        users, signals = [one for one, _ in crowd], [one for _, one in crowd]
        after = states_after(net.users, users)
        none = torch.zeros(width)
        asking = row_sum(net.crowd.users, inputs.user[b])
        asking = asking + sum(users, none) / max(len(users), 1)
        key = [one + signal for one, signal in zip(after, signals, strict=True)]
        line = net.of_item.cross.line.weight[0]
        bias = [float(line @ around.back[b, k, place]) for place in range(len(crowd))]
        found = asked(net.of_item, asking, key, after, bias)
        aware = found + [none, *states_after(net.times, signals)][-1]
        latest = sum(users[-5:], none)
        user = net.tower.user.tables[0].weight[inputs.user[b, 0]]
        end = [candidate, taste * candidate, inputs.numbers[b, k]]
        expected = torch.cat([taste, user, latest, found, aware, *end])
        torch.testing.assert_close(given[b, k], expected, rtol=1e-4, atol=1e-5)
    assert 0 in counts
    assert max(counts) > 5
