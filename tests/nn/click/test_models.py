"""What every click model can do, whatever is in it."""

import dataclasses
import re
from unittest.mock import patch

import numpy as np
import pytest
import torch

from tidegraph.errors import ConfigError
from tidegraph.nn import click
from tidegraph.nn.around import Around, States
from tidegraph.nn.click.dsgl_layer import SequenceLayer
from tidegraph.nn.inputs import HISTORY_NUMBERS, Inputs, InputSpec
from tidegraph.nn.vectors import UserVectors
from tidegraph.nn.wide import Wide
from tidegraph.training.weights import initialised
from tiers import chosen

SPEC = InputSpec(item=(9, 4), user=(7,), numbers=3, event=2, cross=3, back=2)
MODELS = {
    name: cls
    for name in click.__all__
    if dataclasses.is_dataclass(cls := getattr(click, name))
}


SIZES = {"embedding_size": 4, "hidden": (8, 4), "history": 2}


def sizes_of(cls):
    """Small sizes, of those that a model has."""
    own = {field.name for field in dataclasses.fields(cls)}
    return {name: size for name, size in SIZES.items() if name in own}


def drawn(spec, rng, b=4, k=5, h=6):
    def rows(*shape):
        each = [rng.integers(0, count + 1, shape) for count in spec.item]
        return torch.from_numpy(np.stack(each, axis=-1))

    def numbers(*shape):
        return torch.from_numpy(rng.normal(size=shape).astype(np.float32))

    real = torch.from_numpy(np.arange(h) < rng.integers(0, h + 1, b)[:, None])
    return Inputs(
        item=rows(b, k),
        user=torch.from_numpy(rng.integers(0, np.array(spec.user) + 1, (b, 1))),
        numbers=numbers(b, k, spec.numbers),
        present=torch.from_numpy(rng.random((b, k)) < 0.8),
        step=rows(b, h) * real[..., None],
        event=numbers(b, h, spec.event) * real[..., None],
        cross=numbers(b, k, h, spec.cross) * real[:, None, :, None],
        age=torch.from_numpy(rng.integers(0, 12, (b, h))) * real,
        real_step=real,
    )


def drawn_states(spec, rng, plan, kind, roots, below=6):
    """Unique states as a plan brings them, each with as many children as there fit.

    Without any ``below`` nobody has one.
    """
    width = [int(n) for n in re.findall(r"recent\((\d+)\)", plan)]
    sizes = [roots, *(below for _ in width)]
    kinds = [("user", "item")[(n + (kind == "item")) % 2] for n in range(len(sizes))]
    rows = [
        np.stack(
            [
                rng.integers(0, count + 1, n)
                for count in (spec.user if k == "user" else spec.item)
            ],
            axis=1,
        )
        for k, n in zip(kinds, sizes, strict=True)
    ]
    parent = [rng.integers(0, m, n) for m, n in zip([1, *sizes], sizes, strict=False)]
    child, age = [], []
    for n, most, wide in zip(sizes, sizes[1:], width, strict=False):
        there = np.arange(wide) < rng.integers(0, wide + 1, n)[:, None] * (most > 0)
        child.append(np.where(there, rng.integers(0, max(most, 1), (n, wide)), -1))
        age.append((rng.random((n, wide)) * 40 * there).astype(np.float32))
    event = [rng.normal(size=(n, spec.event)).astype(np.float32) for n in sizes]
    parts = (rows, parent, child, age, event)
    return States(*(tuple(map(torch.from_numpy, part)) for part in parts))


def given_to(model, spec, rng, b=4, k=5, h=3, of_user=6, of_item=6):
    """All that the network of a model is called with.

    ``of_user`` and ``of_item`` are how many states there are below each depth, of all
    users and of all items.
    """
    inputs = drawn(spec, rng, b, k, h)
    reads = model.reads() if isinstance(model, click.ReadsGraph) else None
    if reads is None:
        return (inputs,)
    user, item = reads
    users = drawn_states(spec, rng, user, "user", b, of_user)
    items = drawn_states(spec, rng, item, "item", 3 * b, of_item)
    seat = torch.from_numpy(rng.integers(0, 3 * b, (b, k)))
    across = (
        rng.normal(size=(b, k, states.child[0].shape[1], width)).astype(np.float32)
        for states, width in ((users, spec.cross), (items, spec.back))
    )
    return inputs, Around(users, items, seat, *map(torch.from_numpy, across))


LAYERS = {
    "DSGL, dual, transformer": SequenceLayer("transformer", "dual"),
    "DSGL, time_lstm": SequenceLayer("time_lstm"),
}


@pytest.fixture(params=[*MODELS, *LAYERS])
def model(request):
    if request.param in LAYERS:
        return click.DSGL(**sizes_of(click.DSGL), layer=LAYERS[request.param])
    cls = MODELS[request.param]
    return cls(**sizes_of(cls))


@pytest.fixture
def network(model):
    return initialised(
        lambda: Wide(model.build(SPEC), SPEC.numbers), np.random.default_rng(0)
    ).eval()


def test_many_sets_of_weights_answer_at_once(model, network):
    rng = np.random.default_rng(1)
    given = given_to(model, SPEC, rng)
    fixed = dict(network.named_buffers())
    many = {
        name: torch.stack([value.detach() + 0.1 * d for d in range(3)])
        for name, value in network.named_parameters()
    }

    with torch.no_grad():
        found = torch.func.vmap(
            lambda weights: torch.func.functional_call(
                network, {**weights, **fixed}, given
            )
        )(many)
        one_by_one = [
            torch.func.functional_call(
                network, {**{n: v[d] for n, v in many.items()}, **fixed}, given
            )
            for d in range(3)
        ]

    torch.testing.assert_close(found, torch.stack(one_by_one))


@pytest.mark.parametrize("model", chosen(MODELS.keys(), "DSGL"), indirect=True)
def test_it_is_exported_for_any_number_of_requests(model, network):
    rng = np.random.default_rng(1)
    # What is done for each event of a history is traced as often as there are events.
    given = given_to(model, SPEC, rng, h=2)
    batch = torch.export.Dim("batch", min=2, max=1024)
    free: tuple[object, ...] = (Inputs(*({0: batch} for _ in given[0])),)
    if len(given) > 1:
        any_number = {0: torch.export.Dim.DYNAMIC}
        states = [
            States(*(tuple(any_number for _ in part) for part in side))
            for side in given[1][:2]
        ]
        free = (*free, Around(*states, *({0: batch} for _ in range(3))))

    # Where shapes are open, to find an operation that torch has seen takes longer than
    # to look at it anew; and nobody asks which lines of code it came from.
    with (
        torch._dynamo.config.patch(fake_tensor_cache_enabled=False),
        patch.object(torch.fx.config, "do_not_emit_stack_traces", new=True),
    ):
        exported = torch.export.export(network, given, dynamic_shapes=free)

    other = given_to(model, SPEC, rng, b=7, h=2)
    with torch.no_grad():
        torch.testing.assert_close(exported.module()(*other), network(*other))


def test_an_absent_candidate_changes_nothing_about_the_others(model, network):
    rng = np.random.default_rng(1)
    inputs, *around = given_to(model, SPEC, rng)
    inputs = inputs._replace(present=torch.ones(4, 5, dtype=torch.bool))
    present = inputs.present.clone()
    present[:, 2] = False
    network.train()

    def learnt(numbers, item):
        network.load_state_dict(first)
        changed = inputs._replace(present=present, numbers=numbers, item=item)
        return network(changed, *around)[present], dict(network.state_dict())

    first = {name: value.clone() for name, value in network.state_dict().items()}
    numbers, item = inputs.numbers.clone(), inputs.item.clone()
    numbers[:, 2], item[:, 2] = 100.0, 0
    with torch.no_grad():
        found, kept = learnt(inputs.numbers, inputs.item)
        kept = {name: value.clone() for name, value in kept.items()}
        other, changed = learnt(numbers, item)

    torch.testing.assert_close(found, other)
    torch.testing.assert_close(kept, changed)


@pytest.mark.parametrize(("of_user", "of_item"), [(0, 6), (6, 0), (0, 0)])
@pytest.mark.parametrize("b", chosen({"one": 1, "four": 4}, "four"))
def test_a_block_of_none_but_the_new_is_answered(network, model, of_user, of_item, b):
    """Nobody in it has an event, so there is no state to stand in for one."""
    rng = np.random.default_rng(1)
    inputs, *around = given_to(model, SPEC, rng, b, of_user=of_user, of_item=of_item)
    if not of_user:
        real = torch.zeros_like(inputs.real_step)
        empty = {
            name: torch.zeros_like(getattr(inputs, name))
            for name in ("step", "event", "cross", "age")
        }
        inputs = inputs._replace(real_step=real, **empty)

    found = network(inputs, *around)
    found.sum().backward()

    assert found.shape == inputs.present.shape
    assert torch.isfinite(found[inputs.present]).all()
    for weights in network.parameters():
        assert weights.grad is None or torch.isfinite(weights.grad).all()


def without(name, inputs, *around):
    """The same, without columns of what is read for each event of a history."""
    inputs = inputs._replace(**{name: getattr(inputs, name)[..., :0]})
    if not around:
        return (inputs,)
    if name == "cross":
        cross, back = (part[..., :0] for part in (around[0].cross, around[0].back))
        return inputs, around[0]._replace(cross=cross, back=back)
    user, item = (
        side._replace(event=tuple(part[:, :0] for part in side.event))
        for side in around[0][:2]
    )
    return inputs, around[0]._replace(user=user, item=item)


def shaken(name, inputs, *around):
    """The same, with other numbers."""
    rng = torch.Generator().manual_seed(3)

    def other(part):
        return torch.randn(part.shape, generator=rng)

    inputs = inputs._replace(**{name: other(getattr(inputs, name))})
    if not around:
        return (inputs,)
    if name == "cross":
        cross, back = other(around[0].cross), other(around[0].back)
        return inputs, around[0]._replace(cross=cross, back=back)
    user, item = (
        side._replace(event=tuple(map(other, side.event))) for side in around[0][:2]
    )
    return inputs, around[0]._replace(user=user, item=item)


@pytest.mark.parametrize("name", HISTORY_NUMBERS)
@torch.no_grad()
def test_a_model_says_what_it_reads_for_each_event(model, network, name):
    """What it does not say may be left out, and what it says makes a difference."""
    given = given_to(model, SPEC, np.random.default_rng(1))
    for weights in network.parameters():
        weights.normal_(std=0.3, generator=torch.Generator().manual_seed(2))
    there = [part._replace(real_step=torch.ones(4, 3) > 0) for part in given[:1]]
    given = (*there, *given[1:])

    if name in getattr(model, "history_numbers", HISTORY_NUMBERS):
        assert not torch.equal(network(*shaken(name, *given)), network(*given))
        return
    bare = without(name, *given)
    assert torch.equal(network(*bare), network(*given))
    assert network.auxiliary(*bare) >= 0


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_impossible_widths_are_refused(model):
    for name in sizes_of(model):
        wrong = {"embedding_size": 0, "hidden": (4, 0), "history": 0}[name]
        with pytest.raises(ConfigError, match=name):
            model(**{name: wrong})


def test_every_vector_of_users_can_be_forgotten(model, network):
    """No table has as many rows as users are known but those that are of users."""
    rows = SPEC.user[0] + 1
    assert rows not in {count + 1 for count in SPEC.item}
    held = [part for part in network.modules() if isinstance(part, UserVectors)]
    tables = [part.tables[0].weight for part in held]
    every = [
        part.weight
        for part in network.modules()
        if isinstance(part, torch.nn.Embedding) and part.num_embeddings == rows
    ]

    assert {id(weight) for weight in every} == {id(weight) for weight in tables}
    for part in held:
        part.forget(torch.tensor([3]))
        weight = part.tables[0].weight
        assert torch.equal(weight[3], weight[0])
