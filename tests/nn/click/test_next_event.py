"""The loss of the next event beside that of clicks, against loops over histories."""

import math

import numpy as np
import pytest
import torch

from nn.click.test_models import SPEC, given_to
from tidegraph.config import build, to_table
from tidegraph.errors import ConfigError
from tidegraph.nn.click import DIEN, DIN, DSGL, TIEN, GRU4Rec, NextEvent
from tidegraph.nn.click.dsgl_layer import SequenceLayer
from tidegraph.nn.wide import Wide
from tidegraph.ranking.neural import NeuralRanker
from tidegraph.training.weights import initialised

BACKBONES = [
    GRU4Rec(4, (6,)),
    TIEN(4, (6,), history=3),
    DSGL(4, (6,), history=3, layer=SequenceLayer(residual=True)),
]


def network_of(model, seed=0):
    net = initialised(
        lambda: Wide(model.build(SPEC), SPEC.numbers), np.random.default_rng(seed)
    )
    # Zeros at the start would hide what a bias adds.
    for name, weights in net.named_parameters():
        if "bias" in name:
            torch.nn.init.normal_(weights)
    return net.eval()


def histories(net, given):
    """Of each request its events, oldest first: rows, vectors, states after each."""
    deep = net.deep.network
    inputs = given[0] if len(given) == 1 else given[1].history(given[0])
    for b in range(len(inputs.step)):
        count = int(inputs.real_step[b].sum())
        rows = inputs.step[b, :count].flip(0)
        if isinstance(deep, type(DSGL(4).build(SPEC))):
            vectors = deep.item.total(rows)
            users = given[1].user
            child = users.child[0][b, :count]
            state = deep.layers["user"][0].encoded(
                vectors[None],
                users.event[1][child][None],
                users.age[0][b, :count][None],
                torch.ones(1, count, dtype=torch.bool),
            )[0]
        else:
            vectors = deep.states.vectors.item(rows)
            alone = inputs._replace(
                **{
                    name: getattr(inputs, name)[b : b + 1, :count]
                    for name in ("step", "event", "age", "real_step")
                }
            )
            # Units have no state where there is no event.
            state = deep.states(alone)[0].flip(0) if count else vectors
        yield rows, vectors, state


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda one: one.name)
@torch.no_grad()
def test_the_next_event_is_told_from_another_s_by_the_state_before_it(backbone):
    model = NextEvent(backbone, auxiliary=0.5)
    net = network_of(model)
    given = given_to(model, SPEC, np.random.default_rng(3), b=7)
    each = list(histories(net, given))

    found = net.auxiliary(*given)

    loss, count = 0.0, 0
    for b, (rows, vectors, state) in enumerate(each):
        others, theirs, _ = each[b - 1]
        for n in range(1, len(rows)):
            expected, count = net.deep.ask(state[n - 1]), count + 1
            loss += math.log1p(math.exp(-float(expected @ vectors[n])))
            # The other stands as far from the latest, or from the oldest in the graph.
            place = n if isinstance(backbone, DSGL) else len(others) - len(rows) + n
            if 0 <= place < len(others) and not torch.equal(rows[n], others[place]):
                loss += math.log1p(math.exp(float(expected @ theirs[place])))
    assert count > 5
    torch.testing.assert_close(found, torch.tensor(0.5 * loss / count))


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda one: one.name)
@torch.no_grad()
def test_the_answer_is_that_of_the_backbone(backbone):
    net = network_of(NextEvent(backbone))
    given = given_to(backbone, SPEC, np.random.default_rng(4))

    assert torch.equal(net.deep(*given), net.deep.network(*given))


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda one: one.name)
def test_the_loss_moves_vectors_of_items_and_nothing_above_states(backbone):
    model = NextEvent(backbone)
    net = network_of(model)

    net.auxiliary(*given_to(model, SPEC, np.random.default_rng(5), b=7)).backward()

    moved = {name for name, one in net.named_parameters() if one.grad is not None}
    assert any("item" in name for name in moved)
    assert "deep.ask.weight" in moved
    assert not any("tower" in name or "wide" in name for name in moved)


def test_a_model_without_states_of_events_is_refused():
    with pytest.raises(ConfigError, match=r"DIN, next event has no states of events"):
        NextEvent(DIN(4)).build(SPEC)


def test_its_settings_survive_a_table():
    ranker = NeuralRanker(NextEvent(DSGL(4, layer=SequenceLayer(residual=True)), 0.5))

    assert build(NeuralRanker, to_table(ranker), "here") == ranker


def test_dien_has_its_own():
    with pytest.raises(ConfigError, match="no states of events to tell"):
        NextEvent(DIEN(4)).build(SPEC)


def test_a_backbone_that_reads_no_event_is_refused():
    with pytest.raises(ConfigError, match="user_depth 0 reads none"):
        NextEvent(DSGL(user_depth=0))


@pytest.mark.parametrize("backbone", BACKBONES[1:], ids=lambda b: b.name)
def test_a_block_without_a_history_has_nothing_to_tell(backbone):
    net = network_of(NextEvent(backbone))
    given = given_to(backbone, SPEC, np.random.default_rng(0), of_user=0)

    assert net.deep.auxiliary(*given).item() == 0
