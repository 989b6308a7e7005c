from itertools import pairwise

import torch

from nn.click.sequences import answered, assert_ends_in, events_of
from tidegraph.nn.click import SRGNN


def nodes_of(inputs, b):
    """The node of each event, oldest first; an unknown item is one of its own."""
    there = int(inputs.real_step[b].sum())
    rows = [int(inputs.step[b, h, 0]) for h in reversed(range(there))]
    return [row or f"unknown {place}" for place, row in enumerate(rows)]


@torch.no_grad()
def test_the_interest_is_that_of_a_gated_network_over_different_items():
    """Wu et al. (2019), equations 1 to 7, node by node."""
    net, inputs, _ = answered(SRGNN(4, (6,), steps=2), seed=5)
    # Some repeats, one of them of the latest.
    inputs.step[0] = torch.tensor([[2, 1], [3, 1], [2, 1], [2, 1], [5, 2], [0, 0]])
    seen: list[torch.Tensor] = []
    net.tower.tower.register_forward_pre_hook(lambda _, part: seen.append(part[0]))
    net(inputs)
    width = net.vectors.width
    cell = torch.nn.GRUCell(2 * width, width)
    units = net.gated.units
    cell.weight_ih, cell.weight_hh = units.input.weight, units.state.weight
    cell.bias_ih, cell.bias_hh = units.input.bias, units.state.bias

    def interest(b):
        nodes, events = nodes_of(inputs, b), events_of(net.vectors, inputs, b)
        if not nodes:
            return torch.zeros(width)
        x = {n: event[:width] for n, event in zip(nodes, events, strict=True)}
        edges = list(pairwise(nodes))
        for _ in range(net.gated.steps):
            new = {}
            for n in x:
                sides = []
                for layer, beside in [
                    (net.gated.earlier, [a for a, c in edges if c == n]),
                    (net.gated.later, [c for a, c in edges if a == n]),
                ]:
                    total = sum((x[m] for m in beside), torch.zeros(width))
                    sides.append(layer.weight @ (total / max(len(beside), 1)))
                new[n] = cell(torch.cat(sides), x[n])
            x = new
        last, soft = x[nodes[-1]], torch.zeros(width)
        for n, event in zip(nodes, events, strict=True):
            each = net.each(torch.cat([x[n], event[width:]]))
            weight = net.weigh.weight[0] @ torch.sigmoid(
                net.latest.weight @ last + each
            )
            soft = soft + weight * x[n]
        return net.both.weight @ torch.cat([last, soft])

    assert_ends_in(net, inputs, seen[0], net.vectors, interest)
