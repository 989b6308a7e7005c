"""Encoders of histories against torch's own layers, with the same weights."""

from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

from nn.click.test_sasrec import torch_layer
from tidegraph.errors import ConfigError
from tidegraph.nn.recurrent import fused
from tidegraph.nn.sequence.encoders import (
    Convolutions,
    GatedUnits,
    LatestEvent,
    SessionGraphs,
    Transformer,
)
from tidegraph.training.weights import initialised

SIZE, LENGTH = 8, 6


def built(config):
    module = initialised(
        lambda: config.of_events(SIZE, LENGTH), np.random.default_rng(0)
    ).eval()
    for name, weights in module.named_parameters():
        if "bias" in name or "norm" in name:
            torch.nn.init.normal_(weights)
    return module


def histories():
    """Vectors of events, the latest first, of histories of several lengths."""
    there = torch.arange(LENGTH) < torch.tensor([LENGTH, 1, 4])[:, None]
    x = torch.randn(3, LENGTH, SIZE, generator=torch.Generator().manual_seed(1))
    return x * there[:, :, None], there.float()


@pytest.mark.parametrize("masked", [None, 0.2])
@pytest.mark.parametrize("norm_first", [True, False])
@torch.no_grad()
def test_a_transformer_is_torch_s_layers_over_each_history_alone(masked, norm_first):
    config = Transformer(2, 2, 3, "gelu", norm_first=norm_first, masked=masked)
    module, (x, there) = built(config), histories()
    how = {"norm_first": norm_first, "activation": "gelu"}
    layers = [
        torch_layer(block, SIZE, 3 * SIZE, **how) for block in module.blocks.blocks
    ]

    found = module(x, there)

    for row, count in enumerate(there.sum(dim=1).int().tolist()):
        y = (x[row, :count] + module.place.weight[:count]).flip(0)[None]
        y = module.norm(y)
        later = torch.ones(count, count).triu(1).bool() if masked is None else None
        for layer in layers:
            y = layer(y, src_mask=later)
        y = module.blocks.norm(y)
        expected = y[0].flip(0)
        torch.testing.assert_close(found[row, :count], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("how", [nullcontext, fused])
@torch.no_grad()
def test_gated_units_are_torch_s_over_each_history_alone(how):
    module, (x, there) = built(GatedUnits(2)), histories()
    twin = torch.nn.GRU(SIZE, SIZE, 2, batch_first=True)
    for n, layer in enumerate(module.layers):
        for ours, its in ((layer.input, "ih"), (layer.state, "hh")):
            getattr(twin, f"weight_{its}_l{n}").copy_(ours.weight)
            getattr(twin, f"bias_{its}_l{n}").copy_(ours.bias)

    with how():
        found = module(x, there)

    for row, count in enumerate(there.sum(dim=1).int().tolist()):
        expected = twin(x[row, :count].flip(0)[None])[0][0].flip(0)
        torch.testing.assert_close(found[row, :count], expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_convolutions_are_torch_s_over_an_event_and_those_before_it():
    module, (x, there) = built(Convolutions(4, 3, 2)), histories()

    found = module(x, there)

    for row, place in np.ndindex(3, LENGTH):
        image = torch.zeros(4, SIZE)
        some = x[row, place : place + 4]
        image[: len(some)] = some
        image = image[None, None]
        tall = module.filters.vertical.weight[:, None, :, None]
        parts = [conv2d(image, tall)[0, :, 0].T.flatten()]
        for n, filters in enumerate(module.filters.horizontal, start=1):
            kernel = filters.weight.view(3, SIZE, n).transpose(1, 2)[:, None]
            rows = torch.relu(conv2d(image, kernel, filters.bias))
            parts.append(rows[0, :, :, 0].amax(dim=1))
        expected = torch.relu(module.filters.last(torch.cat(parts)))
        torch.testing.assert_close(found[row, place], expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_latest_event_is_all_that_a_chain_knows():
    module, (x, there) = built(LatestEvent()), histories()

    found = module(x, there)

    expected = x @ module.next.weight.T + module.next.bias
    torch.testing.assert_close(found, expected)


def session_state(module, nodes, vectors):
    """Wu et al. (2019), equations 1 to 7, node by node; all events, oldest first."""
    gated, zero = module.gated, torch.zeros(SIZE)
    cell = torch.nn.GRUCell(2 * SIZE, SIZE)
    cell.weight_ih, cell.bias_ih = gated.units.input.weight, gated.units.input.bias
    cell.weight_hh, cell.bias_hh = gated.units.state.weight, gated.units.state.bias
    x, edges = dict(zip(nodes, vectors, strict=True)), list(pairwise(nodes))
    for _ in range(gated.steps):
        heard = {}
        for n in x:
            before = [x[a] for a, c in edges if c == n]
            after = [x[c] for a, c in edges if a == n]
            mean_before = sum(before, zero) / max(len(before), 1)
            mean_after = sum(after, zero) / max(len(after), 1)
            sides = gated.earlier.weight @ mean_before, gated.later.weight @ mean_after
            heard[n] = cell(torch.cat(sides), x[n])
        x = heard
    last, soft = x[nodes[-1]], zero
    for n in nodes:
        asked = module.latest.weight @ last + module.each.weight @ x[n]
        weight = module.weigh.weight[0] @ torch.sigmoid(asked + module.each.bias)
        soft = soft + weight * x[n]
    return module.both.weight @ torch.cat([last, soft])


SESSIONS = torch.tensor([[2, 1, 2, 2, 3, 1], [4, 0, 0, 0, 0, 0], [1, 3, 1, 4, 0, 0]])
"""Items of histories, the latest first; some come again."""


def sessions():
    """The histories of ``SESSIONS``, where equal items have equal vectors."""
    table = torch.randn(5, SIZE, generator=torch.Generator().manual_seed(2))
    there = (SESSIONS > 0).float()
    return table[SESSIONS] * there[:, :, None], there


@torch.no_grad()
def test_a_session_graph_is_that_of_the_events_until_each():
    module, (x, there) = built(SessionGraphs(2)), sessions()

    found = module(x, there, SESSIONS)

    for row, count in enumerate(there.sum(dim=1).int().tolist()):
        for place in range(count):
            nodes = SESSIONS[row, place:count].flip(0).tolist()
            expected = session_state(module, nodes, x[row, place:count].flip(0))
            torch.testing.assert_close(
                found[row, place], expected, rtol=1e-4, atol=1e-5
            )
    torch.testing.assert_close(module(x, there, SESSIONS, 1)[:, 0], found[:, 0])


def test_a_session_graph_knows_nothing_of_what_came_later():
    module, (x, there) = built(SessionGraphs(2)), sessions()
    x.requires_grad_()

    module(x, there, SESSIONS)[0, 3].sum().backward()

    moved = x.grad[0].abs().sum(dim=1) > 0
    assert moved.tolist() == [False] * 3 + [True] * 3
    assert not x.grad[1:].any()
    # Nor by which items they were.
    other = SESSIONS.clone()
    other[0, :3] = torch.tensor([1, 3, 1])
    torch.testing.assert_close(
        module(x, there, other)[0, 3:], module(x, there, SESSIONS)[0, 3:]
    )


@pytest.mark.parametrize(
    "config",
    [Transformer(dropout=0.0), GatedUnits(dropout=0.0), Convolutions(4, dropout=0.0)],
)
def test_a_state_knows_nothing_of_what_came_later(config):
    """Those before a place stand behind it; the gradient by all others is 0."""
    module, (x, there) = built(config), histories()
    x.requires_grad_()

    module(x, there)[0, 3].sum().backward()

    moved = x.grad[0].abs().sum(dim=1) > 0
    assert moved.tolist() == [False] * 3 + [True] * 3
    assert not x.grad[1:].any()


def test_dropout_is_of_training_alone():
    module, (x, there) = built(Transformer(dropout=0.5)), histories()
    still = module(x, there)
    torch.testing.assert_close(module(x, there), still)

    module.train()
    assert not torch.allclose(module(x, there), still)


def test_heads_that_cannot_share_a_vector_are_refused():
    with pytest.raises(ConfigError, match="8 numbers cannot be shared by 3 heads"):
        Transformer(heads=3).of_events(8, 4)


@pytest.mark.parametrize("norm_first", [True, False])
@torch.no_grad()
def test_events_are_left_out_after_their_norm_as_in_bert(norm_first):
    """Or the norm would make up for what is missing."""
    module, (x, there) = built(Transformer(norm_first=norm_first)), histories()
    entered = []
    module.blocks.register_forward_pre_hook(lambda _, given: entered.append(given[0]))
    module(x, there)
    module.train()
    module.drop.p = 0.5
    module(x, there)

    whole, left = entered
    kept = left != 0
    assert 0.3 < kept.float().mean() < 0.7
    torch.testing.assert_close(left[kept], 2 * whole[kept])
