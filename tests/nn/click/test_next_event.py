"""The loss of the next event beside that of clicks, against loops over histories."""

import numpy as np
import pytest
import torch

from nn.click.sequences import PAIR, of_two_items, told_apart
from nn.click.test_models import SPEC, given_to
from tidegraph.config import build, to_table
from tidegraph.errors import ConfigError
from tidegraph.nn.click import DIEN, DIN, DSGL, TIEN, GRU4Rec, NextEvent
from tidegraph.nn.click.dsgl import DSGLNetwork
from tidegraph.nn.click.dsgl_layer import SequenceLayer
from tidegraph.nn.sequence.next_item import draw_other_events
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


def item_vector(deep, rows):
    """Vectors of items by their fields."""
    if isinstance(deep, DSGLNetwork):
        return deep.item.total(rows)
    return deep.states.vectors.item(rows)


def histories(net, given):
    """Of each request its events, oldest first: rows, vectors, states after each."""
    deep = net.deep.network
    inputs = given[0] if len(given) == 1 else given[1].history(given[0])
    for b in range(len(inputs.step)):
        count = int(inputs.real_step[b].sum())
        rows = inputs.step[b, :count].flip(0)
        if isinstance(deep, DSGLNetwork):
            vectors = item_vector(deep, rows)
            users = given[1].user
            child = users.child[0][b, :count]
            state = deep.layers["user"][0].encoded(
                vectors[None],
                users.event[1][child][None],
                users.age[0][b, :count][None],
                torch.ones(1, count, dtype=torch.bool),
            )[0]
        else:
            vectors = item_vector(deep, rows)
            alone = inputs._replace(
                **{
                    name: getattr(inputs, name)[b : b + 1, :count]
                    for name in ("step", "event", "age", "real_step")
                }
            )
            # Units have no state where there is no event.
            state = deep.states(alone)[0].flip(0) if count else vectors
        yield rows, vectors, state


def given_two_items(backbone, seed=3):
    """What a network is given, all events being of one of two items."""
    given = given_to(backbone, SPEC, np.random.default_rng(seed), b=7)
    if len(given) == 1:
        return (given[0]._replace(step=of_two_items(given[0].step)[0]),)
    inputs, around = given
    first, events, *below = around.user.node
    user = around.user._replace(node=(first, of_two_items(events)[0], *below))
    return inputs, around._replace(user=user)


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda one: one.name)
@torch.no_grad()
def test_the_next_item_is_told_from_another_by_the_state_before_it(backbone):
    """Zhou et al. (2019), L_aux: a negative for each positive, by a loop."""
    model = NextEvent(backbone, auxiliary=0.5)
    net, given = network_of(model), given_two_items(model)

    terms = []
    for rows, vectors, state in histories(net, given):
        for n in range(1, len(rows)):
            other = PAIR[0] if torch.equal(rows[n], PAIR[1]) else PAIR[1]
            vector = item_vector(net.deep.network, other)
            terms.append(told_apart(net.deep.ask(state[n - 1]), vectors[n], vector))

    assert len(terms) > 5
    found = net.auxiliary(*given)
    torch.testing.assert_close(found, torch.tensor(0.5 * sum(terms) / len(terms)))


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda one: one.name)
def test_every_event_but_the_first_is_told_from_one_other(backbone):
    model = NextEvent(backbone)
    net = network_of(model)
    given = given_to(model, SPEC, np.random.default_rng(6), b=7)
    known = net.deep.network.foretold(*given)

    predicted, other = draw_other_events(known)

    count = known.real.sum(dim=1)
    assert len(predicted) == len(other) == int((count - 1).clamp(min=0).sum())


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


@pytest.mark.parametrize(
    "backbone", [DIN(4), DIEN(4), NextEvent()], ids=lambda one: one.name
)
def test_a_model_without_states_of_events_is_refused_as_it_is_named(backbone):
    with pytest.raises(ConfigError, match="next event has no states of events to tell"):
        NextEvent(backbone)


def test_its_settings_survive_a_table():
    ranker = NeuralRanker(NextEvent(DSGL(4, layer=SequenceLayer(residual=True)), 0.5))

    assert build(NeuralRanker, to_table(ranker), "here") == ranker


def test_a_backbone_that_reads_no_event_is_refused():
    with pytest.raises(ConfigError, match="user_depth 0 reads none"):
        NextEvent(DSGL(user_depth=0))


@pytest.mark.parametrize("backbone", BACKBONES[1:], ids=lambda b: b.name)
def test_a_block_without_a_history_has_nothing_to_tell(backbone):
    net = network_of(NextEvent(backbone))
    given = given_to(backbone, SPEC, np.random.default_rng(0), of_user=0)

    assert net.deep.auxiliary(*given).item() == 0
