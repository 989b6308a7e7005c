"""A layer of DSGL by hand."""

import math

import numpy as np
import pytest
import torch

from tidegraph.errors import ConfigError
from tidegraph.nn.click.dsgl import DSGL
from tidegraph.nn.click.dsgl_encoder import log_days_to_next
from tidegraph.nn.click.dsgl_layer import (
    Encoded,
    SequenceAttention,
    SequenceLayer,
    bucket_of,
)
from tidegraph.training.weights import initialised

NOTHING = torch.zeros(1, 3, 0)
"""What is known of each event."""


@pytest.mark.parametrize(
    ("days", "base", "expected"),
    [
        (1 / 86_400, 2, 1),
        (0.99, 2, 1),
        (1, 2, 2),
        (2.99, 2, 2),
        (3, 2, 3),
        (7, 2, 4),
        (1e6, 2, 6),
        (8, 3, 3),
        (999, 10, 4),
    ],
)
def test_a_bucket_is_one_more_than_the_whole_logarithm(days, base, expected):
    found = bucket_of(torch.tensor([float(days)]), torch.tensor([True]), float(base), 6)

    assert found.tolist() == [expected]


def test_the_root_and_what_is_not_there_are_in_bucket_0():
    found = bucket_of(torch.zeros(2), torch.tensor([False, True]), 2.0, 6)

    assert found.tolist() == [0, 1]


def test_attention_is_what_a_hand_finds():
    """Two heads of one number each; three neighbours, of which two are there."""
    layer = SequenceAttention(2, SequenceLayer(heads=2), timed=False)
    with torch.no_grad():
        layer.query.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        layer.query_of_parent.weight.copy_(torch.tensor([[0.0, 2.0], [0.0, 0.0]]))
        layer.query.bias.zero_()
        key = torch.tensor([[[1.0], [0.0]], [[2.0], [1.0]], [[9.0], [9.0]]])
        value = torch.tensor([[[10.0], [1.0]], [[20.0], [3.0]], [[5.0], [5.0]]])
        real = torch.tensor([True, True, False])
        node, parent = torch.tensor([1.0, 0.0]), torch.tensor([7.0, 0.5])

        # Q = [1 + 2 * .5, 0]: scores of the first head are 2 and 4, of the second 0, 0.
        found = layer.attend(Encoded(key, value, real), node, parent)

    late = 1 / (1 + math.exp(-2))
    assert found.tolist() == pytest.approx([10 * (1 - late) + 20 * late, 2.0])


@pytest.mark.parametrize(
    ("attention", "asks"),
    [("second_order", True), ("dual", True), ("gat", False), ("none", False)],
)
def test_a_parent_asks_in_second_order_attention_alone(attention, asks):
    layer = initialised(
        lambda: SequenceAttention(4, SequenceLayer(attention=attention), timed=False),
        np.random.default_rng(0),
    )
    rng = np.random.default_rng(1)
    x, node, parent, other = (
        torch.from_numpy(rng.normal(size=shape)).float()
        for shape in [(1, 3, 4), (1, 4), (1, 4), (1, 4)]
    )
    with torch.no_grad():
        encoded = layer.encode(x, NOTHING, torch.ones(1, 3), torch.ones(1, 3) > 0)
        one, two = (layer.attend(encoded, node, p) for p in (parent, other))

    assert torch.equal(one, two) is not asks


def test_without_attention_it_is_the_mean_of_what_is_there():
    layer = SequenceAttention(2, SequenceLayer(attention="none"), timed=False)
    value = torch.tensor([[1.0, 2.0], [3.0, 6.0], [9.0, 9.0]])[:, None]
    encoded = Encoded(value, value, torch.tensor([True, True, False]))

    found = layer.attend(encoded, torch.zeros(2), torch.zeros(2))

    assert found.tolist() == [2.0, 4.0]


def test_without_an_encoder_the_order_of_neighbours_says_nothing():
    rng, there = np.random.default_rng(1), torch.ones(1, 3, dtype=torch.bool)
    x = torch.from_numpy(rng.normal(size=(1, 3, 4))).float()
    query = torch.ones(1, 4)

    def encoded(encoder):
        layer = initialised(
            lambda: SequenceAttention(4, SequenceLayer(encoder), timed=False),
            np.random.default_rng(0),
        )
        with torch.no_grad():
            return [
                layer.attend(
                    layer.encode(one, NOTHING, torch.ones(1, 3), there), query, query
                )
                for one in (x, x.flip(1))
            ]

    torch.testing.assert_close(*encoded("none"))
    for encoder in ("lstm", "gru", "time_lstm", "transformer"):
        assert not torch.allclose(*encoded(encoder))


def test_nobody_before_is_a_vector_that_is_learnt():
    layer = SequenceAttention(2, SequenceLayer(), timed=True)
    torch.nn.init.constant_(layer.null, 0.7)
    nobody = torch.zeros(1, 3, dtype=torch.bool)

    encoded = layer.encode(torch.ones(1, 3, 2), NOTHING, torch.zeros(1, 3), nobody)
    found = layer.attend(encoded, torch.ones(1, 2), torch.ones(1, 2))
    found.sum().backward()

    assert found[0].tolist() == pytest.approx([0.7, 0.7])
    assert layer.null.grad.tolist() == [1, 1]


def test_heads_that_cannot_share_a_vector_are_refused():
    with pytest.raises(ConfigError, match="multiple of the heads"):
        DSGL(5)


def test_heads_that_cannot_share_what_a_transformer_reads_are_refused():
    with pytest.raises(ConfigError, match="multiple of the heads"):
        DSGL(5, layer=SequenceLayer("transformer", "none"))
    DSGL(5, layer=SequenceLayer("lstm", "none"))


@pytest.mark.parametrize("time", ["user", "item", "none"])
def test_a_gate_of_time_needs_the_time_of_both_sides(time):
    with pytest.raises(ConfigError, match=r"of time='.*' not both sides know them"):
        SequenceLayer("time_lstm", time=time)


@pytest.mark.parametrize("encoder", ["lstm", "gru", "time_lstm", "transformer"])
def test_an_event_is_encoded_by_those_before_it(encoder):
    """The state before an event, which is to tell it, knows nothing of it or later."""
    layer = initialised(
        lambda: SequenceAttention(4, SequenceLayer(encoder), timed=True),
        np.random.default_rng(0),
    )
    rng, there = np.random.default_rng(1), torch.ones(1, 5, dtype=torch.bool)
    x = torch.from_numpy(rng.normal(size=(1, 5, 4))).float()
    age, nothing = torch.tensor([[9.0, 7, 4, 2, 1]]), torch.zeros(1, 5, 0)
    other = torch.cat([x[:, :3], torch.ones(1, 2, 4)], dim=1)

    with torch.no_grad():
        one, two = (layer.encoded(part, nothing, age, there) for part in (x, other))

    assert torch.equal(one[:, :3], two[:, :3])
    assert not torch.allclose(one[:, 3:], two[:, 3:])


def test_the_gap_of_the_latest_event_is_up_to_now():
    age = torch.tensor([[10.0, 4.0, 1.0, 0.0], [3.0, 0.0, 0.0, 0.0]])

    found = log_days_to_next(age)

    assert found[0, :3].tolist() == pytest.approx(
        [math.log(7), math.log(4), math.log(2)]
    )
    assert float(found[1, 0]) == pytest.approx(math.log(4))
