"""What the tests of models of sequences share: one request's events, oldest first."""

import inspect

import numpy as np
import torch

from nn.click.test_models import SPEC, drawn
from tidegraph.training.weights import initialised


def answered(model, seed=3, **sizes):
    """A network, the inputs it was given, and what its last layers were given."""
    rng = np.random.default_rng(seed)
    net = initialised(lambda: model.build(SPEC), rng).eval()
    # Biases of 0 would hide that one is left out.
    for name, weights in net.named_parameters():
        if "bias" in name or "norm" in name:
            torch.nn.init.normal_(weights)
    inputs = drawn(SPEC, rng, **sizes)
    inputs.real_step[0], inputs.real_step[1] = True, False
    seen: list[torch.Tensor] = []
    net.tower.tower.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        net(inputs)
    return net, inputs, seen[0]


PAIR = torch.tensor([[3, 1], [5, 2]])
"""Fields of two items: of a batch of these the other one is all that can be drawn."""


def of_two_items(rows, seed=0):
    """Rows of items of which each is one of ``PAIR``, and which of them it is."""
    rng = np.random.default_rng(seed)
    which = torch.from_numpy(rng.integers(0, 2, rows.shape[:-1]))
    return PAIR[which], which


def told_apart(state, item, other):
    """-log s(h e) - log(1 - s(h e')), as Zhou et al. (2019) have it of one event."""
    yes, no = (torch.sigmoid(state @ vector) for vector in (item, other))
    return float(-torch.log(yes) - torch.log(1 - no))


def events_of(vectors, inputs, b):
    """The vectors of the events of a request, oldest first."""
    there = int(inputs.real_step[b].sum())
    item, age = vectors.item.tables, vectors.about.age.weight
    return [
        torch.cat(
            [
                *(
                    table.weight[row]
                    for table, row in zip(item, inputs.step[b, h], strict=True)
                ),
                age[inputs.age[b, h]],
                vectors.about.known(inputs.event[b, h]),
            ]
        )
        for h in reversed(range(there))
    ]


def candidate_of(vectors, inputs, b, k):
    rows = zip(vectors.item.tables, inputs.item[b, k], strict=True)
    return torch.cat([table.weight[row] for table, row in rows])


def assert_ends_in(net, inputs, given, vectors, interest):
    """The last layers get interest, user, candidate, their product, and numbers.

    Args:
        interest: Returns that of request b in candidate k, or that of request b.
    """
    if len(inspect.signature(interest).parameters) == 1:
        of_all = [interest(b) for b in range(len(inputs.user))]
        return assert_ends_in(net, inputs, given, vectors, lambda b, k: of_all[b])
    user = net.tower.user.tables[0].weight
    for b, k in np.ndindex(*inputs.present.shape):
        candidate, expected = candidate_of(vectors, inputs, b, k), interest(b, k)
        start = torch.cat([expected, user[inputs.user[b, 0]]])
        end = torch.cat([candidate, expected * candidate, inputs.numbers[b, k]])
        for found, part in [
            (given[b, k, : len(start)], start),
            (given[b, k, -len(end) :], end),
        ]:
            torch.testing.assert_close(found, part, rtol=1e-4, atol=1e-5)
