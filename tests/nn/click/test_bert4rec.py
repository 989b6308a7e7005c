import torch

from nn.click.sequences import (
    PAIR,
    answered,
    assert_ends_in,
    of_two_items,
    told_apart,
)
from nn.click.test_sasrec import placed, torch_layer
from tidegraph.nn.click import BERT4Rec


@torch.no_grad()
def test_the_interest_is_the_token_after_torch_s_layers_over_all_events():
    """Sun et al. (2019), section 3: post-norm, GELU, four times the width between."""
    net, inputs, given = answered(BERT4Rec(4, (6,), length=4))
    layers = [
        torch_layer(block, 8, 32, activation="gelu") for block in net.blocks.blocks
    ]

    def interest(b):
        x = torch.stack([*placed(net.events, inputs, b), net.token.weight[0]])[None]
        for layer in layers:
            x = layer(x)
        return x[0, -1]

    assert_ends_in(net, inputs, given, net.events.vectors, interest)


@torch.no_grad()
def test_hidden_events_are_told_from_another_item_by_torch_s_layers():
    """Sun et al. (2019), section 3.6: a token, and its place, in place of each."""
    net, inputs, _ = answered(BERT4Rec(4, (6,), length=4, masked=0.4), b=7)
    step, which = of_two_items(inputs.step)
    inputs = inputs._replace(step=step)
    items = net.events.vectors.item(PAIR)
    before = torch.get_rng_state()
    drawn = torch.rand(inputs.real_step.shape) < 0.4
    torch.set_rng_state(before)
    found = net.auxiliary(inputs)
    layers = [
        torch_layer(block, 8, 32, activation="gelu") for block in net.blocks.blocks
    ]

    terms = []
    for b in range(7):
        events = placed(net.events, inputs, b)
        hidden = [bool(drawn[b, len(events) - 1 - n]) for n in range(len(events))]
        for n in range(len(events)):
            if hidden[n]:
                place = net.events.place.weight[min(len(events) - 1 - n, 3)]
                events[n] = net.token.weight[0] + place
        x = torch.stack([*events, net.token.weight[0]])[None]
        for layer in layers:
            x = layer(x)
        for n in range(len(events)):
            if hidden[n]:
                own = which[b, len(events) - 1 - n]
                terms.append(told_apart(x[0, n], items[own], items[1 - own]))
    assert len(terms) > 5
    torch.testing.assert_close(found, torch.tensor(sum(terms) / len(terms)))


@torch.no_grad()
def test_a_hidden_event_tells_nothing_of_itself():
    net, inputs, _ = answered(BERT4Rec(4, (6,), length=4))
    hidden = torch.zeros_like(inputs.real_step)
    hidden[0, 2] = True
    step, event = inputs.step.clone(), inputs.event.clone()
    step[0, 2] = (step[0, 2] + 1) % 4
    event[0, 2] += 3
    other = inputs._replace(step=step, event=event, age=(inputs.age + hidden) % 12)

    expected = net.events(inputs, hidden, net.token.weight)
    torch.testing.assert_close(net.events(other, hidden, net.token.weight), expected)
    assert not torch.allclose(net.events(other), net.events(inputs))
