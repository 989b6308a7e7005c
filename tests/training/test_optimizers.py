import math

import numpy as np
import pytest
import torch
from torch import nn

from tidegraph.nn.vectors import look_up_rows
from tidegraph.run import Run
from tidegraph.training.loop import train
from tidegraph.training.optimizers import SGD, Adagrad, Adam, AdamW, LazyAdam
from tidegraph.training.settings import Training


def step(optimizer, gradients, start=1.0):
    """Where a single weight is after steps along given gradients."""
    weight = nn.Parameter(torch.tensor([start], dtype=torch.float64))
    built = optimizer.of_weights([weight])
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


class Rows:
    """A table of which each epoch asks for one row more."""

    unit = "rows"

    def __init__(self):
        self.module = nn.Embedding(3, 1)
        self.seen = []

    def batches(self, epoch, rng):
        yield torch.tensor([epoch])

    def loss(self, rows):
        return look_up_rows(self.module, rows).sum()

    def validate(self):
        self.seen.append(self.module.weight[:, 0].tolist())
        return float(len(self.seen))


@pytest.mark.parametrize("optimizer", [LazyAdam(0.1), Adam(0.1)])
def test_lazy_adam_leaves_rows_that_a_batch_does_not_touch(optimizer):
    task = Rows()

    train(task, Training(3, optimizer=optimizer), Run(np.random.default_rng(0)))

    first, second, third = task.seen
    stays = first[0] == second[0] == third[0] and second[1] == third[1]
    assert stays == isinstance(optimizer, LazyAdam)
    assert third[2] < second[2] == first[2]
    assert not task.module.sparse
