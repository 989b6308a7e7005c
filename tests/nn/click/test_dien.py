import math

import torch

from nn.click.sequences import (
    PAIR,
    answered,
    assert_ends_in,
    candidate_of,
    events_of,
    of_two_items,
    told_apart,
)
from nn.click.test_models import SPEC
from tidegraph.nn.click import DIEN
from tidegraph.nn.wide import Wide


def interests(net, inputs, b):
    """States of torch's units over the events of a request, oldest first."""
    events = events_of(net.vectors, inputs, b)
    units = torch.nn.GRU(net.vectors.event_width, net.vectors.width)
    units.weight_ih_l0.copy_(net.states.units.input.weight)
    units.weight_hh_l0.copy_(net.states.units.state.weight)
    units.bias_ih_l0.copy_(net.states.units.input.bias)
    units.bias_hh_l0.copy_(net.states.units.state.bias)
    return list(units(torch.stack(events))[0]) if events else []


@torch.no_grad()
def test_the_interest_evolves_by_units_whose_update_is_their_attention():
    """Zhou et al. (2019), attention and AUGRU, step by step."""
    net, inputs, given = answered(DIEN(4, (6,)))

    def interest(b, k):
        states, candidate = (
            interests(net, inputs, b),
            candidate_of(net.vectors, inputs, b, k),
        )
        last = len(states) - 1
        scores = [
            state @ net.ask.weight @ candidate
            + net.cross.line.weight[0] @ inputs.cross[b, k, last - t]
            for t, state in enumerate(states)
        ]
        total = sum(math.exp(score) for score in scores)
        h = torch.zeros(net.vectors.width)
        for state, score in zip(states, scores, strict=True):
            r, z, n = (net.evolve.input(state)).chunk(3)
            rh, zh, nh = (net.evolve.state(h)).chunk(3)
            fresh = torch.tanh(n + torch.sigmoid(r + rh) * nh)
            # The paper's update gate is what torch calls one minus it.
            update = math.exp(score) / total * torch.sigmoid(-(z + zh))
            h = (1 - update) * h + update * fresh
        return h

    assert_ends_in(net, inputs, given, net.vectors, interest)


@torch.no_grad()
def test_the_loss_beside_clicks_tells_the_next_item_from_another():
    """Zhou et al. (2019), L_aux: a negative for each positive, by a loop."""
    net, inputs, _ = answered(DIEN(4, (6,), auxiliary=0.5), b=7)
    step, which = of_two_items(inputs.step)
    inputs = inputs._replace(step=step)
    items = net.vectors.item(PAIR)

    terms = []
    for b in range(7):
        states = interests(net, inputs, b)
        # Oldest first: the item after a state is the one that the history has next.
        chosen = which[b, : len(states)].flip(0)
        terms += [
            told_apart(h, items[chosen[t + 1]], items[1 - chosen[t + 1]])
            for t, h in enumerate(states[:-1])
        ]

    assert len(terms) > 5
    found = net.auxiliary(inputs)
    expected = torch.tensor(0.5 * sum(terms) / len(terms))
    torch.testing.assert_close(found, expected)
    beside = Wide(net, SPEC.numbers).auxiliary(inputs)
    torch.testing.assert_close(beside, found)


@torch.no_grad()
def test_no_event_has_no_next_one():
    net, inputs, _ = answered(DIEN(4, (6,)))

    none = net.auxiliary(inputs._replace(real_step=torch.zeros_like(inputs.real_step)))

    assert none == 0
