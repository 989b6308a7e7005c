import math

import pytest
import torch
from torch import nn

from tidegraph.errors import ConfigError
from tidegraph.training.optimizers import SGD, Adagrad, Adam, AdamW


def step(optimizer, gradients, start=1.0):
    """Where a single weight is after steps along given gradients."""
    weight = nn.Parameter(torch.tensor([start], dtype=torch.float64))
    built = optimizer.build([weight])
    for gradient in gradients:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        built.step()
    return weight.item()


def test_sgd_takes_the_gradient_and_part_of_the_last_step():
    # Velocity 2, then 2 * 0.9 + 1 = 2.8.
    assert math.isclose(step(SGD(0.1, momentum=0.9), [2.0, 1.0]), 1 - 0.2 - 0.28)


def test_adagrad_divides_by_the_root_of_the_sum_of_squares():
    expected = 1 - 0.5 * 3 / 3 - 0.5 * 4 / 5

    assert math.isclose(step(Adagrad(0.5), [3.0, 4.0]), expected, rel_tol=1e-8)


def test_adam_first_takes_a_step_of_the_learning_rate():
    assert math.isclose(step(Adam(0.1), [7.0]), 0.9, rel_tol=1e-7)


def test_adamw_takes_the_decay_off_the_weight_and_not_off_the_gradient():
    expected = 1 * (1 - 0.1 * 0.5) - 0.1

    assert math.isclose(step(AdamW(0.1, 0.5), [7.0]), expected, rel_tol=1e-7)


@pytest.mark.parametrize("kind", [AdamW, Adam, SGD, Adagrad])
@pytest.mark.parametrize("setting", [{"learning_rate": 0.0}, {"weight_decay": -1.0}])
def test_impossible_settings_are_refused(kind, setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        kind(**setting)
