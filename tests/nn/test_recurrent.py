import numpy as np
import pytest
import torch

from tidegraph.nn import recurrent
from tidegraph.nn.recurrent import GRU, LSTM, fused
from tidegraph.training.weights import initialised


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(LSTM, torch.nn.LSTM), (GRU, torch.nn.GRU)],
    ids=["lstm", "gru"],
)
def test_a_recurrent_layer_is_that_of_torch(ours, theirs):
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 6, 5))).float()
    layer = initialised(lambda: ours(5, 3), np.random.default_rng(1))
    for weights in layer.parameters():
        torch.nn.init.normal_(weights)
    twin = theirs(5, 3, batch_first=True)
    with torch.no_grad():
        twin.weight_ih_l0.copy_(layer.input.weight)
        twin.weight_hh_l0.copy_(layer.state.weight)
        twin.bias_ih_l0.copy_(layer.input.bias)
        twin.bias_hh_l0.zero_()
        if layer.state.bias is not None:
            twin.bias_hh_l0.copy_(layer.state.bias)

    torch.testing.assert_close(layer(x), twin(x)[0])


def drawn(kind, seed=2):
    """A layer, sequences, and which of their places are steps."""
    rng = np.random.default_rng(seed)
    layer = initialised(lambda: kind(5, 3), rng)
    x = torch.from_numpy(rng.normal(size=(7, 6, 5))).float()
    real = torch.from_numpy(rng.random((7, 6)) < 0.6).float()
    real[0], real[1] = 0, 1
    return layer, x, real


def learnt(answer, layer, x):
    """What a layer answers, and the gradients of a loss of it."""
    x = x.clone().requires_grad_()
    found = answer(x)
    weight = torch.linspace(-1, 2, found.numel()).view(found.shape)
    loss = (found * weight).sum()
    return [found, *torch.autograd.grad(loss, [x, *layer.parameters()])]


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_fused_layers_have_the_numbers_and_gradients_of_the_plain_ones(kind):
    layer, x, _ = drawn(kind)
    expected = learnt(layer, layer, x)
    with fused():
        found = learnt(layer, layer, x)

    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_place_without_a_step_leaves_the_state_as_it_was():
    layer, x, real = drawn(GRU)
    expected = learnt(lambda x: layer(x, real), layer, x)
    with fused():
        found = learnt(lambda x: layer.masked(x, real), layer, x)
    plain = learnt(lambda x: layer.masked(x, real), layer, x)

    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(plain, expected, rtol=0, atol=0)
    assert (found[0][0] == 0).all()


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_blocks_of_like_length_have_the_numbers_and_gradients_of_all_at_once(
    kind, monkeypatch
):
    layer, x, real = drawn(kind)
    length = real.sum(dim=1).long()
    steps = torch.arange(6) < length[:, None]

    def states(x):
        if kind is GRU:
            return layer.masked(x, steps.float()) * steps[:, :, None]
        return layer(x, length) * steps[:, :, None]

    expected = learnt(states, layer, x)
    monkeypatch.setattr(recurrent, "_BLOCK", 2)
    with fused():
        found = learnt(states, layer, x)

    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_no_sequence_has_no_state(kind):
    layer, x, real = drawn(kind)
    with fused():
        assert layer(x[:0]).shape == (0, 6, 3)
        if kind is GRU:
            assert layer.masked(x[:0], real[:0]).shape == (0, 6, 3)


def test_outside_of_fused_many_weights_run_at_once():
    layer, x, _ = drawn(LSTM)
    with fused():
        layer(x)
    many = {name: torch.stack([w, 2 * w]) for name, w in layer.named_parameters()}

    found = torch.func.vmap(lambda w: torch.func.functional_call(layer, w, (x,)))(many)

    torch.testing.assert_close(found[0], layer(x))
