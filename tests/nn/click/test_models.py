"""What every click model can do, whatever is in it."""

import dataclasses

import numpy as np
import pytest
import torch

from tidegraph.errors import ConfigError
from tidegraph.nn import click
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.wide import Wide
from tidegraph.training.weights import initialised

SPEC = InputSpec(items=9, categories=4, numbers=3)
MODELS = {
    name: cls
    for name in click.__all__
    if dataclasses.is_dataclass(cls := getattr(click, name))
}


def drawn(spec, rng, b=4, k=5, h=6):
    def rows(*shape):
        item = rng.integers(0, spec.items + 1, shape)
        kind = rng.integers(0, spec.categories + 1, shape)
        return torch.from_numpy(np.stack([item, kind], axis=-1))

    return Inputs(
        rows(b, k),
        torch.from_numpy(rng.normal(size=(b, k, spec.numbers)).astype(np.float32)),
        torch.from_numpy(rng.random((b, k)) < 0.8),
        rows(b, h),
        torch.from_numpy(rng.integers(0, 12, (b, h))),
        torch.from_numpy(rng.random((b, h)) < 0.7),
    )


@pytest.fixture(params=MODELS)
def network(request):
    model = MODELS[request.param](4, (8, 4))
    return initialised(
        lambda: Wide(model.build(SPEC), SPEC.numbers), np.random.default_rng(0)
    ).eval()


def test_many_sets_of_weights_answer_at_once(network):
    rng = np.random.default_rng(1)
    inputs = drawn(SPEC, rng)
    fixed = dict(network.named_buffers())
    many = {
        name: torch.stack([value.detach() + 0.1 * d for d in range(3)])
        for name, value in network.named_parameters()
    }

    with torch.no_grad():
        found = torch.func.vmap(
            lambda weights: torch.func.functional_call(
                network, {**weights, **fixed}, (inputs,)
            )
        )(many)
        one_by_one = [
            torch.func.functional_call(
                network, {**{n: v[d] for n, v in many.items()}, **fixed}, (inputs,)
            )
            for d in range(3)
        ]

    torch.testing.assert_close(found, torch.stack(one_by_one))


def test_it_is_exported_for_any_number_of_requests(network):
    rng = np.random.default_rng(1)
    inputs = drawn(SPEC, rng)
    batch = torch.export.Dim("batch", min=2, max=1024)

    exported = torch.export.export(
        network, (inputs,), dynamic_shapes=(Inputs(*({0: batch} for _ in inputs)),)
    )

    other = drawn(SPEC, rng, b=7)
    with torch.no_grad():
        torch.testing.assert_close(exported.module()(other), network(other))


def test_an_absent_candidate_changes_nothing_about_the_others(network):
    rng = np.random.default_rng(1)
    inputs = drawn(SPEC, rng)._replace(present=torch.ones(4, 5, dtype=torch.bool))
    present = inputs.present.clone()
    present[:, 2] = False
    network.train()

    def learnt(numbers, item):
        network.load_state_dict(first)
        changed = inputs._replace(present=present, numbers=numbers, item=item)
        return network(changed)[present], dict(network.state_dict())

    first = {name: value.clone() for name, value in network.state_dict().items()}
    numbers, item = inputs.numbers.clone(), inputs.item.clone()
    numbers[:, 2], item[:, 2] = 100.0, 0
    with torch.no_grad():
        found, kept = learnt(inputs.numbers, inputs.item)
        kept = {name: value.clone() for name, value in kept.items()}
        other, changed = learnt(numbers, item)

    torch.testing.assert_close(found, other)
    torch.testing.assert_close(kept, changed)


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
@pytest.mark.parametrize("setting", [{"embedding_size": 0}, {"hidden": (4, 0)}])
def test_impossible_widths_are_refused(model, setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        model(**setting)
