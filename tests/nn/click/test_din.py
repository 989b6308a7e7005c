import numpy as np
import torch

from tidegraph.nn.click.din import Interest
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.training.weights import initialised


def network():
    return initialised(
        lambda: Interest(2, (4,)).build(InputSpec(5, 2, 3)), np.random.default_rng(0)
    ).eval()


def batch_of(steps, ages, mask, numbers=None):
    """One candidate, item 3 of category 1, after some events."""
    return Inputs(
        torch.tensor([[[3, 1]]]),
        torch.zeros(1, 1, 3) if numbers is None else numbers,
        torch.ones(1, 1, dtype=torch.bool),
        torch.tensor([steps]),
        torch.tensor([ages]),
        torch.tensor([mask]),
    )


def test_interest_is_the_sum_of_events_each_by_its_own_activation():
    """Zhou et al. (2018), equation 3: no softmax over the history."""
    net = network()
    seen: list[torch.Tensor] = []
    net.tower.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        net(batch_of([[1, 1], [2, 2], [0, 0]], [0, 5, 0], [True, True, False]))

        candidate = torch.cat([net.item.weight[3], net.category.weight[1]])
        interest = torch.zeros(4)
        for item, category, bucket in [(1, 1, 0), (2, 2, 5)]:
            event = torch.cat([net.item.weight[item], net.category.weight[category]])
            pair = [event, candidate, event - candidate, event * candidate]
            unit = net.activation
            hidden = unit.first(torch.cat([*pair, net.gap.weight[bucket]]))
            interest += unit.second(unit.bend(hidden)) * event

    torch.testing.assert_close(seen[0][0, 0, :4], interest)


def test_padding_of_the_history_says_nothing():
    net, numbers = network(), torch.ones(1, 1, 3)
    short = batch_of([[1, 1]], [0], [True], numbers)
    long = batch_of([[1, 1], [4, 2]], [0, 3], [True, False], numbers)

    with torch.no_grad():
        torch.testing.assert_close(net(short), net(long))
