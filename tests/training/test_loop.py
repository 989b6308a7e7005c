import math

import numpy as np
import pytest
import torch
from torch import nn

from tidegraph.errors import ConfigError
from tidegraph.run import Curve, Run
from tidegraph.training.loop import train
from tidegraph.training.optimizers import SGD, AdamW
from tidegraph.training.schedules import Stairs
from tidegraph.training.settings import Training
from tidegraph.training.weights import initialised, shuffled_batches

SETTINGS = Training(epochs=200, optimizer=AdamW(0.1, 0.0), patience=200)


def line(rng):
    return initialised(lambda: nn.Linear(1, 1), rng)


class Falls:
    """A weight whose gradient is 1, and validation that says what it is told."""

    unit = "points"

    def __init__(self, metrics=(), start=None):
        self.module = line(np.random.default_rng(0))
        self.metrics, self.seen, self.begun = iter(metrics), [], []

    def batches(self, epoch, rng):
        self.begun.append(self.module.weight.item())
        yield torch.ones(1, 1)

    def loss(self, batch):
        return self.module(batch).sum()

    def validate(self):
        self.seen.append(self.module.weight.item())
        return next(self.metrics, 0.0)


def run(**circumstances):
    return Run(np.random.default_rng(0), **circumstances)


def test_a_line_is_found():
    x = torch.linspace(-1, 1, 32)[:, None]

    class Task(Falls):
        def batches(self, epoch, rng):
            return shuffled_batches(32, 8, rng)

        def loss(self, rows):
            return ((self.module(x[rows]) - (3 * x[rows] + 1)) ** 2).mean()

        def validate(self):
            return -float(((self.module(x) - (3 * x + 1)) ** 2).mean())

    task = Task()
    train(task, SETTINGS, run())

    assert abs(task.module.weight.item() - 3) < 0.01
    assert abs(task.module.bias.item() - 1) < 0.01


def test_the_weights_of_the_best_epoch_are_kept_and_patience_ends_the_rest():
    task = Falls([1.0, 3.0, 2.0, 2.5, 2.9, 9.0])

    curve = train(task, Training(epochs=6, patience=3), run())

    assert curve.metric == (1.0, 3.0, 2.0, 2.5, 2.9)
    assert curve.best_epoch == 1
    assert task.module.weight.item() == task.seen[1]


def test_an_epoch_that_validation_finds_no_number_for_never_takes_the_place_of_one():
    task = Falls([0.1, 0.5, math.nan, 0.2])

    curve = train(task, Training(epochs=4, patience=None), run())

    assert curve.best_epoch == 1
    assert task.module.weight.item() == task.seen[1]


def test_of_epochs_without_a_number_the_last_is_kept_until_one_has_one():
    never, late = Falls([math.nan] * 3), Falls([math.nan, -9.0, math.nan])

    for task in (never, late):
        train(task, Training(epochs=3, patience=None), run())

    assert never.module.weight.item() == never.seen[2]
    assert late.module.weight.item() == late.seen[1]


def test_without_patience_every_epoch_is_taken():
    curve = train(Falls(range(9, 0, -1)), Training(epochs=9, patience=None), run())

    assert len(curve.loss) == 9
    assert curve.best_epoch == 0


def test_validation_comes_every_so_many_epochs_and_at_the_end():
    task = Falls([1.0, 2.0, 3.0])

    curve = train(task, Training(epochs=5, validate_every=2), run())

    assert [math.isnan(m) for m in curve.metric] == [True, False, True, False, False]
    assert curve.best_epoch == 4


def test_patience_asks_after_a_validation_alone():
    better = train(
        Falls(range(9)), Training(epochs=20, validate_every=5, patience=3), run()
    )
    worse = train(
        Falls([2.0, 1.0, 3.0]),
        Training(epochs=20, validate_every=5, patience=3),
        run(),
    )

    assert len(better.loss) == 20
    assert better.best_epoch == 19
    assert len(worse.loss) == 10
    assert worse.best_epoch == 4


def test_what_validation_finds_no_number_for_ends_a_training(tmp_path):
    task = Falls([1.0, -math.inf])

    with pytest.raises(ConfigError, match="validation finds no number in epoch 2, at"):
        train(task, Training(epochs=4), run(checkpoints=tmp_path))

    assert task.module.weight.item() == task.seen[0]
    assert [path.name for path in tmp_path.glob("epoch-*")] == ["epoch-000001"]


def test_weights_that_explode_in_the_running_mean_are_refused():
    class Task(Falls):
        def loss(self, batch):
            return self.module(batch).sum() * 1e20

    settings = Training(1, optimizer=SGD(1.0), average=0.5)
    with pytest.raises(ConfigError, match=r"a weight is -1e\+20 in epoch 1"):
        train(Task(), settings, run())


def test_an_interruption_puts_the_best_weights_back():
    class Task(Falls):
        def batches(self, epoch, rng):
            if epoch == 2:
                raise KeyboardInterrupt
            return super().batches(epoch, rng)

    task = Task([5.0, 1.0])
    with pytest.raises(KeyboardInterrupt):
        train(task, SETTINGS, run())

    assert task.module.weight.item() == task.seen[0]
    assert not task.module.training


def test_a_schedule_multiplies_the_step():
    task = Falls(range(4))
    settings = Training(
        epochs=4, optimizer=SGD(1.0), schedule=Stairs(every=2, by=0.5), patience=None
    )

    train(task, settings, run())

    np.testing.assert_allclose(-np.diff([task.begun[0], *task.seen]), [1, 1, 0.5, 0.5])


def test_the_mean_of_the_weights_is_what_is_validated_and_kept():
    task = Falls([1.0, 2.0, 3.0])
    settings = Training(epochs=3, optimizer=SGD(1.0), average=0.5)

    train(task, settings, run())

    for step, seen in enumerate(task.seen, start=1):
        weights = task.begun[0] - np.arange(1, step + 1)
        shares = 0.5 ** np.arange(step - 1, -1, -1)
        mean = np.average(weights, weights=shares)
        assert math.isclose(seen, mean, rel_tol=1e-6)
    assert task.module.weight.item() == task.seen[-1]


def test_dropout_follows_the_generator_and_leaves_the_global_state_alone():
    class Task(Falls):
        def loss(self, batch):
            return nn.functional.dropout(self.module(batch.expand(50, 1))).mean()

    state = torch.random.get_rng_state()
    curves = []
    for _ in range(2):
        torch.rand(3)
        curves.append(train(Task(range(3)), Training(epochs=3), run()))
    torch.random.set_rng_state(state)

    assert curves[0] == curves[1]


def test_a_monitor_is_told_of_every_epoch():
    told = []

    class Ear:
        def epoch(self, number, loss, metric):
            told.append((number, loss, metric))

    curve = train(Falls([1.0, 2.0]), Training(epochs=2), run(monitor=Ear()))

    assert told == list(zip([1, 2], curve.loss, curve.metric, strict=True))


def test_a_run_says_how_many_threads():
    class Task(Falls):
        def loss(self, batch):
            assert torch.get_num_threads() == 2
            return super().loss(batch)

    before = torch.get_num_threads()
    train(Task(), Training(epochs=1), run(threads=2))

    assert torch.get_num_threads() == before


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="xpu:7"):
        train(Falls(), Training(epochs=1), run(device="xpu:7"))


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
    class Task(Falls):
        def batches(self, epoch, rng):
            yield torch.tensor([[float("nan")]])

    with pytest.raises(ConfigError, match="training loss is nan in epoch 1"):
        train(Task(), SETTINGS, run())


def test_every_row_comes_once():
    rows = np.concatenate(list(shuffled_batches(10, 3, np.random.default_rng(0))))

    assert sorted(rows) == list(range(10))


def test_a_curve_is_read_back_as_it_was():
    curve = Curve((3.0, 2.0), (math.nan, -1.0))

    assert repr(Curve.from_table(curve.table())) == repr(curve)
    assert curve.text() == (
        "2 epochs, loss 3.0000 to 2.0000; kept epoch 2, validation -1.0000"
    )
