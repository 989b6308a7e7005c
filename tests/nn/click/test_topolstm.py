import numpy as np
import torch

from nn.click.crowds import answered, crowd_of, states_after
from nn.click.sequences import candidate_of, events_of
from tidegraph.nn.click import TopoLSTM


def chosen(states, place):
    """Known items that each user of an item chose before, oldest user first."""
    users = [int(child) for child in states.child[0][place] if child >= 0]
    return [
        {int(states.node[2][item, 0]) for item in states.child[1][user] if item >= 0}
        - {0}
        for user in users
    ]


@torch.no_grad()
def test_a_user_s_state_follows_those_of_users_before_who_are_alike():
    """Wang et al. (2017), as their code does it, user by user."""
    net, inputs, around, given = answered(TopoLSTM(4, (6,), history=3), seed=1)
    inputs, vectors = around.history(inputs), net.states.vectors
    width, alike = vectors.width, [0, 0]

    for b, k in np.ndindex(*inputs.present.shape):
        place = int(around.seat[b, k])
        crowd, items = (
            crowd_of(net.crowd, around.item, 0, place),
            chosen(around.item, place),
        )
        found: list[tuple[torch.Tensor, torch.Tensor]] = []
        for n, (user, about) in enumerate(crowd):
            h = c = torch.zeros(width)
            for m, (other_h, other_c) in enumerate(found):
                in_common = bool(items[n] & items[m])
                alike[in_common] += m < n - 1
                if in_common or m == n - 1:
                    h, c = h + other_h, c + other_c
            gates = net.units.input(user + about) + net.units.state.weight @ h
            let, forget, new, out = gates.chunk(4)
            c = torch.sigmoid(forget) * c + torch.sigmoid(let) * torch.tanh(new)
            found.append((torch.sigmoid(out) * torch.tanh(c), c))
        cascade = sum((h for h, _ in found), torch.zeros(width)) / max(len(found), 1)
        events = states_after(net.states.units, events_of(vectors, inputs, b))
        interest = [torch.zeros(width), *events][-1]
        candidate = candidate_of(vectors, inputs, b, k)
        user = net.tower.user.tables[0].weight[inputs.user[b, 0]]
        end = [candidate, interest * candidate, inputs.numbers[b, k]]
        expected = torch.cat([interest, user, cascade, *end])
        torch.testing.assert_close(given[b, k], expected, rtol=1e-4, atol=1e-5)
    assert min(alike) > 0
