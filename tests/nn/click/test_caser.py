import pytest
import torch
from torch.nn.functional import conv2d

from nn.click.sequences import answered, assert_ends_in, events_of
from tidegraph.nn.click import Caser


@pytest.mark.parametrize("length", [3, 8], ids=["some events", "more than there are"])
@torch.no_grad()
def test_the_interest_is_what_torch_s_convolutions_find(length):
    """Tang and Wang (2018), section 3."""
    net, inputs, given = answered(Caser(4, (6,), length, horizontal=3, vertical=2))
    wide = net.vectors.event_width

    def interest(b):
        image = torch.zeros(length, wide)
        for place, event in enumerate(
            reversed(events_of(net.vectors, inputs, b)[-length:])
        ):
            image[place] = event
        image = image[None, None]
        tall = net.filters.vertical.weight[:, None, :, None]
        found = [conv2d(image, tall)[0, :, 0].T.flatten()]
        for filters in net.filters.horizontal:
            height = filters.in_features // wide
            kernel = filters.weight.view(3, wide, height).transpose(1, 2)[:, None]
            rows = torch.relu(conv2d(image, kernel, filters.bias))
            found.append(rows[0, :, :, 0].amax(dim=1))
        return torch.relu(net.filters.last(torch.cat(found)))

    assert_ends_in(net, inputs, given, net.vectors, interest)
