from contextlib import nullcontext

import numpy as np
import torch

from tidegraph.nn.click.din import DIN
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.recurrent import fused
from tidegraph.training.weights import initialised

SPEC = InputSpec(item=(5, 2), user=(2,), numbers=3)


def network():
    return initialised(
        lambda: DIN(2, (4,)).build(SPEC), np.random.default_rng(0)
    ).eval()


def batch_of(steps, ages, mask, numbers=None):
    """One candidate, item 3 of category 1, after some events."""
    return Inputs(
        item=torch.tensor([[[3, 1]]]),
        user=torch.tensor([[2]]),
        numbers=torch.zeros(1, 1, 3) if numbers is None else numbers,
        present=torch.ones(1, 1, dtype=torch.bool),
        step=torch.tensor([steps]),
        event=torch.zeros(1, len(steps), 0),
        cross=torch.zeros(1, 1, len(steps), 0),
        age=torch.tensor([ages]),
        real_step=torch.tensor([mask]),
    )


def test_interest_is_the_sum_of_events_each_by_its_own_activation():
    """Zhou et al. (2018), equation 3: no softmax over the history."""
    net = network()
    seen: list[torch.Tensor] = []
    net.tower.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        net(batch_of([[1, 1], [2, 2], [0, 0]], [0, 5, 0], [True, True, False]))

        item, category = (table.weight for table in net.item.tables)
        candidate = torch.cat([item[3], category[1]])
        interest = torch.zeros(4)
        for i, c, bucket in [(1, 1, 0), (2, 2, 5)]:
            event = torch.cat([item[i], category[c]])
            pair = [event, candidate, event - candidate, event * candidate]
            unit = net.activation
            hidden = unit.first(torch.cat([*pair, net.when.age.weight[bucket]]))
            interest += unit.second(unit.bend(hidden)) * event

    torch.testing.assert_close(seen[0][0, 0, :4], interest)


def test_padding_of_the_history_says_nothing():
    net, numbers = network(), torch.ones(1, 1, 3)
    short = batch_of([[1, 1]], [0], [True], numbers)
    long = batch_of([[1, 1], [4, 2]], [0, 3], [True, False], numbers)

    with torch.no_grad():
        torch.testing.assert_close(net(short), net(long))


def test_called_as_it_is_it_has_the_bits_it_has_under_vmap_gradients_included():
    rng = np.random.default_rng(1)
    steps = rng.integers(0, 3, (40, 2)).tolist()
    batch = batch_of(steps, [0] * 40, [True] * 40, torch.ones(1, 1, 3))
    found = []
    for called in (nullcontext, fused):
        net = network()
        with called():
            logit = net(batch)
        logit.sum().backward()
        found.append([logit, *(weights.grad for weights in net.parameters())])

    for plain, quick in zip(*found, strict=True):
        assert torch.equal(plain, quick)
