import torch

from nn.click.sequences import answered, assert_ends_in, events_of
from tidegraph.nn.click import GRU4Rec


def test_the_interest_is_the_last_state_of_torch_s_units():
    """Hidasi et al. (2016), section 3.1."""
    net, inputs, given = answered(GRU4Rec(4, (6,)))
    vectors, ours = net.states.vectors, net.states.units
    units = torch.nn.GRU(vectors.event_width, vectors.width)
    with torch.no_grad():
        units.weight_ih_l0.copy_(ours.input.weight)
        units.weight_hh_l0.copy_(ours.state.weight)
        units.bias_ih_l0.copy_(ours.input.bias)
        units.bias_hh_l0.copy_(ours.state.bias)

        def interest(b):
            events = events_of(vectors, inputs, b)
            if not events:
                return torch.zeros(vectors.width)
            return units(torch.stack(events))[0][-1]

        assert_ends_in(net, inputs, given, vectors, interest)
