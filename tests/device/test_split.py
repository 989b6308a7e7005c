"""A network in two is the network, for every click model that has a tower."""

import numpy as np
import pytest
import torch
from torch import nn

from nn.click.test_models import MODELS, SPEC, given_to, sizes_of
from tidegraph.device.split import split
from tidegraph.errors import ConfigError
from tidegraph.nn.click import MF
from tidegraph.nn.dense import Tower
from tidegraph.nn.wide import Wide
from tidegraph.training.weights import initialised


def network_of(model) -> Wide:
    made = initialised(
        lambda: Wide(model.build(SPEC), SPEC.numbers), np.random.default_rng(0)
    ).eval()
    with torch.no_grad():
        made.wide.weight.normal_(generator=torch.Generator().manual_seed(3))
    return made


def has_tower(model) -> bool:
    return any(isinstance(part, Tower) for part in network_of(model).modules())


EVERY = {name: cls(**sizes_of(cls)) for name, cls in MODELS.items()}
WITH = [name for name, model in EVERY.items() if has_tower(model)]
WITHOUT = [name for name in EVERY if name not in WITH]


def test_most_click_models_have_a_tower():
    assert len(WITH) >= 14
    assert {"DIN", "DSGL", "MLP", "DeepFM", "NeuMF"} <= set(WITH)


@pytest.mark.parametrize("name", WITH)
@pytest.mark.parametrize("seed", range(3))
def test_offset_and_tower_are_the_logit(name, seed):
    network, rng = network_of(EVERY[name]), np.random.default_rng(seed)
    given = given_to(EVERY[name], SPEC, rng)
    present = given[0].present

    trunk, tower = split(network)
    with torch.no_grad():
        x, offset = trunk(*given)
        logit = network(*given)
        torch.testing.assert_close(offset + tower(x, present), logit, rtol=0, atol=1e-5)
        assert x.shape == (*present.shape, tower.width)
        # What the tower says more, the logit says more.
        tower.last.bias += 0.75
        torch.testing.assert_close(network(*given), logit + 0.75, rtol=0, atol=1e-5)
        again, same = trunk(*given)

    assert torch.equal(again, x)
    assert torch.equal(same, offset)


@pytest.mark.parametrize("name", WITHOUT)
def test_a_network_without_tower_is_refused(name):
    with pytest.raises(ConfigError, match=r"has no tower of layers.*DIN"):
        split(network_of(EVERY[name]))


def test_a_network_with_two_towers_is_refused():
    two = nn.ModuleList([Tower(3, (2,)), Tower(3, (2,))])

    with pytest.raises(ConfigError, match=r"has 2 towers of layers"):
        split(two)


def test_a_trunk_shares_the_weights_of_the_network():
    network = network_of(EVERY["DIN"])
    trunk, tower = split(network)
    own = {id(weight) for weight in network.parameters()}

    held = {id(weight) for weight in (*trunk.parameters(), *tower.parameters())}
    assert held == own
    assert not any(isinstance(part, Tower) for part in trunk.modules())
    assert isinstance(network.deep.tower, Tower)


def test_some_models_have_none():
    assert "MF" in WITHOUT
    assert MF in MODELS.values()
