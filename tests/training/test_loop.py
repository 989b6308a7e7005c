import numpy as np
import pytest
import torch
from torch import nn

from tidegraph.errors import ConfigError
from tidegraph.training.loop import Training, initialised, shuffled, train

SETTINGS = Training(epochs=200, learning_rate=0.1, weight_decay=0.0, patience=200)


def line(rng):
    return initialised(lambda: nn.Linear(1, 1), rng)


def test_a_line_is_found():
    rng = np.random.default_rng(0)
    x = torch.linspace(-1, 1, 32)[:, None]
    module = line(rng)

    def losses(rng):
        for rows in shuffled(32, 8, rng):
            yield ((module(x[rows]) - (3 * x[rows] + 1)) ** 2).mean()

    def validate():
        return -float(((module(x) - (3 * x + 1)) ** 2).mean())

    train(module, losses, validate, SETTINGS, rng=rng)

    assert abs(module.weight.item() - 3) < 0.01
    assert abs(module.bias.item() - 1) < 0.01


def test_the_weights_of_the_best_epoch_are_kept_and_patience_ends_the_rest():
    rng = np.random.default_rng(0)
    module = line(rng)
    metric = iter([1.0, 3.0, 2.0, 2.5, 2.9, 9.0])
    seen = []

    def losses(_):
        yield module(torch.ones(1, 1)).sum()

    def validate():
        seen.append(module.weight.item())
        return next(metric)

    curve = train(module, losses, validate, Training(epochs=6, patience=3), rng=rng)

    assert curve.metric == (1.0, 3.0, 2.0, 2.5, 2.9)
    assert curve.best_epoch == 1
    assert module.weight.item() == seen[1]


def test_an_interruption_puts_the_best_weights_back():
    rng = np.random.default_rng(0)
    module = line(rng)
    epochs = []

    def losses(_):
        epochs.append(module.weight.item())
        if len(epochs) == 3:
            raise KeyboardInterrupt
        yield module(torch.ones(1, 1)).sum()

    values = iter([5.0, 1.0])
    with pytest.raises(KeyboardInterrupt):
        train(module, losses, lambda: next(values), SETTINGS, rng=rng)

    assert module.weight.item() == epochs[1]
    assert not module.training


def test_first_weights_depend_on_the_generator_alone():
    torch.rand(3)
    first = line(np.random.default_rng(4))
    torch.rand(5)

    assert torch.equal(first.weight, line(np.random.default_rng(4)).weight)


def test_building_leaves_the_global_state_alone():
    state = torch.random.get_rng_state()

    line(np.random.default_rng(0))

    assert torch.equal(state, torch.random.get_rng_state())


def test_a_loss_that_is_not_a_number_is_said():
    rng = np.random.default_rng(0)
    module = line(rng)

    with pytest.raises(ConfigError, match="training loss is nan in epoch 1"):
        train(
            module,
            lambda _: iter([module(torch.tensor([[float("nan")]])).sum()]),
            lambda: 0.0,
            SETTINGS,
            rng=rng,
        )


def test_every_row_comes_once():
    rows = np.concatenate(list(shuffled(10, 3, np.random.default_rng(0))))

    assert sorted(rows) == list(range(10))


@pytest.mark.parametrize("name", ["epochs", "batch_size", "learning_rate", "patience"])
def test_impossible_settings_are_refused(name):
    with pytest.raises(ConfigError, match=name):
        Training(**{name: 0.0 if name == "learning_rate" else 0})
