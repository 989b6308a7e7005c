import numpy as np
import pytest
import torch

from tidegraph.nn.click.dsgl_layer import Encoded, SequenceAttention, SequenceLayer
from tidegraph.nn.recurrent import fused
from tidegraph.training.weights import initialised


def normal(rng, *shape):
    return torch.from_numpy(rng.normal(size=shape).astype(np.float32))


def found_and_gradients(attention, cross, *, is_fused):
    """What 3 x 5 pairs find in 4 sequences, and every gradient."""
    rng = np.random.default_rng(0)
    layer = initialised(
        lambda: SequenceAttention(
            8, SequenceLayer(attention=attention), timed=False, cross=cross
        ),
        np.random.default_rng(1),
    )
    real = torch.arange(6) < torch.tensor([[6], [0], [1], [4]])
    key, value = (normal(rng, 4, 6, 2, 4).requires_grad_() for _ in range(2))
    node = normal(rng, 3, 1, 8).requires_grad_()
    parent = normal(rng, 3, 5, 8).requires_grad_()
    given = normal(rng, 3, 5, 6, cross).requires_grad_() if cross else None
    seat = torch.from_numpy(rng.integers(0, 4, (3, 5)))
    encoded = Encoded(key, value, real).at(seat)
    if is_fused:
        with fused():
            found = layer.attend(encoded, node, parent, given)
    else:
        found = layer.attend(encoded, node, parent, given)
    (found * normal(rng, *found.shape)).sum().backward()
    learnt = [key, value, node, parent, *([given] if cross else [])]
    learnt += [p for p in layer.parameters() if p.grad is not None]
    return [found, *(one.grad for one in learnt)]


@pytest.mark.parametrize("cross", [0, 3])
@pytest.mark.parametrize("attention", ["second_order", "dual"])
def test_shared_sequences_are_attended_to_as_if_each_were_repeated(attention, cross):
    plain = found_and_gradients(attention, cross, is_fused=False)
    shared = found_and_gradients(attention, cross, is_fused=True)

    assert len(plain) == len(shared)
    for one, other in zip(plain, shared, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_a_query_of_an_empty_sequence_finds_nothing():
    none = torch.zeros(1, 3, dtype=torch.bool)
    encoded = Encoded(torch.ones(1, 3, 2, 4), torch.ones(1, 3, 2, 4), none)
    with fused():
        found = encoded.answer(torch.ones(1, 2, 4))

    assert found.tolist() == [[0.0] * 8]
