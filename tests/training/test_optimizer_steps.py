"""A task that takes its steps itself is trained by the loop as any other is."""

import io
import math
import re

import numpy as np
import pytest
from torch import nn

from tidegraph import progress
from tidegraph.errors import ConfigError
from tidegraph.run import Run
from tidegraph.training.loop import train
from tidegraph.training.optimizers import Adam, PairSGD
from tidegraph.training.schedules import Linear, Stairs
from tidegraph.training.settings import Training
from tidegraph.training.task import Counts, SteppingTask, Task

BATCHES = 4


class Walks:
    """Numbers that move by what they draw, on an array that is the module's."""

    unit = "pairs"
    steps = BATCHES

    def __init__(self, metrics=(), breaks_at=None):
        self.module = nn.Embedding(3, 2)
        nn.init.zeros_(self.module.weight)
        self.array = self.module.weight.detach().numpy()
        self.metrics, self.breaks_at = iter(metrics), breaks_at
        self.rates, self.seen = [], []

    def batches(self, epoch, rng):
        for _ in range(BATCHES):
            yield rng.normal(size=(3, 2)).astype(np.float32)

    def step(self, batch, rate):
        self.rates.append(rate)
        self.array -= rate * batch
        return math.nan if len(self.rates) == self.breaks_at else float(batch.mean())

    def examples(self, batch):
        return len(batch)

    def validate(self):
        self.seen.append(self.array.copy())
        return next(self.metrics, math.nan)


def run(**circumstances):
    return Run(np.random.default_rng(0), **circumstances)


def settings(epochs=2, **rest):
    return Training(epochs, optimizer=PairSGD(0.5), patience=None, **rest)


def test_it_is_a_task_of_its_own_kind():
    assert isinstance(Walks(), SteppingTask)
    assert isinstance(Walks(), Counts)
    assert not isinstance(Walks(), Task)


def test_the_steps_are_those_that_were_taken():
    task = Walks()
    curve = train(task, settings(), run())

    rng = np.random.default_rng(0)
    drawn = np.array([rng.normal(size=(3, 2)) for _ in range(2 * BATCHES)])
    np.testing.assert_allclose(task.array, -0.5 * drawn.sum(axis=0), rtol=1e-5)
    means = drawn.mean(axis=(1, 2)).reshape(2, BATCHES).mean(axis=1)
    np.testing.assert_allclose(curve.loss, means, rtol=1e-5)
    # The weights that answer are those of the module.
    np.testing.assert_array_equal(task.module.weight.detach().numpy(), task.array)


def test_a_linear_schedule_falls_from_step_to_step():
    task = Walks()

    train(task, settings(2, schedule=Linear(floor=0.2)), run())

    np.testing.assert_allclose(task.rates, [0.5 * (1 - 0.1 * n) for n in range(8)])


def test_stairs_fall_from_epoch_to_epoch():
    task = Walks()

    train(task, settings(2, schedule=Stairs(every=1, by=0.5)), run())

    assert task.rates == [0.5] * BATCHES + [0.25] * BATCHES


def test_the_weights_of_the_best_epoch_are_kept():
    task = Walks(metrics=[1.0, 3.0, 2.0])

    curve = train(task, settings(3), run())

    assert curve.best_epoch == 1
    np.testing.assert_array_equal(task.array, task.seen[1])


def test_a_training_that_broke_off_goes_on_after_its_last_whole_epoch(tmp_path):
    class Stopped(Exception):
        pass

    class Stopping(Walks):
        def validate(self):
            if len(self.seen) == 2:
                raise Stopped
            return super().validate()

    whole, begun, resumed = Walks(), Stopping(), Walks()
    curve = train(whole, settings(4, schedule=Linear()), run())
    with pytest.raises(Stopped):
        train(begun, settings(4, schedule=Linear()), run(checkpoints=tmp_path))

    again = train(resumed, settings(4, schedule=Linear()), run(checkpoints=tmp_path))

    assert again.loss == curve.loss
    assert resumed.rates == whole.rates[2 * BATCHES :]
    np.testing.assert_array_equal(resumed.array, whole.array)


def test_a_loss_that_is_no_number_names_the_step_and_the_rate(tmp_path):
    task = Walks(breaks_at=BATCHES + 3)
    said = (
        "loss is nan in epoch 2, step 3, at a learning rate of 0.25. .*"
        "The checkpoint of epoch 1 is kept."
    )

    with pytest.raises(ConfigError, match=said):
        train(
            task,
            settings(2, schedule=Stairs(every=1, by=0.5)),
            run(checkpoints=tmp_path),
        )
    # The weights of the epoch that was well are back.
    np.testing.assert_array_equal(task.array, task.seen[0])


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e19])
def test_weights_that_the_last_step_of_an_epoch_breaks_are_refused(value):
    class Exploding(Walks):
        def step(self, batch, rate):
            loss = super().step(batch, rate)
            if len(self.rates) == BATCHES:
                self.array[1, 1] = value
            return loss

    task = Exploding()
    said = re.escape(f"a weight is {value:g} in epoch 1, at a")
    with pytest.raises(ConfigError, match=said):
        train(task, settings(), run())

    assert not task.seen  # Nobody has judged them.


def test_the_two_kinds_of_optimiser_are_not_mixed_up():
    with pytest.raises(ConfigError, match="Adam does not go with a kernel"):
        train(Walks(), Training(1, optimizer=Adam(0.1)), run())

    class Line:
        module, unit = nn.Linear(1, 1), "points"

        def batches(self, epoch, rng):
            raise AssertionError("nothing is drawn")

        loss = validate = batches

    with pytest.raises(ConfigError, match="PairSGD moves tables of vectors alone"):
        train(Line(), settings(), run())


def test_progress_tells_how_many_pairs_a_second(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    said = []

    class Bars:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def add_task(self, description, total):
            said.append(str(description))
            return description

        def update(self, bar, advance):
            said.append(str(bar))

    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr(progress, "_terminal_bars", Bars)
    train(Walks(), settings(), run())

    assert said[0] == "training on pairs"
    of = r"training on pairs \([\d,]+ of epoch 1, [\d,]+ a second\)"
    assert re.fullmatch(of, said[1])
