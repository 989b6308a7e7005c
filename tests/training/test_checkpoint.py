import os
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from killed import epochs_in, killed_after
from tidegraph.errors import ConfigError
from tidegraph.run import Run
from tidegraph.training.fingerprint import fingerprint
from tidegraph.training.loop import train
from tidegraph.training.schedules import HalfCosine, Stairs, WarmUp
from tidegraph.training.settings import Training
from tidegraph.training.weights import weights_of
from training.fitting_a_line import OPTIMIZERS, Line, learnt

ROOT = Path(__file__).parent.parent.parent


def same(one, other):
    (curve, weights, drawn), (curve2, weights2, drawn2) = one, other
    assert repr(curve) == repr(curve2)
    assert drawn == drawn2
    for name, array in weights.items():
        np.testing.assert_array_equal(array, weights2[name], err_msg=name)


def test_a_training_that_was_killed_ends_with_the_bits_of_one_that_was_not(tmp_path):
    killed_after(["training.fitting_a_line", str(tmp_path), "adamw"], tmp_path, 3)
    kept = epochs_in(tmp_path)

    assert kept
    assert max(kept) < 12
    same(learnt(tmp_path), learnt(None))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_goes_on_where_it_was(tmp_path, monkeypatch, name):
    class Stopped(Exception):
        pass

    drawn = Line.batches

    def stopping(self, epoch, rng):
        if epoch == 5:
            raise Stopped
        return drawn(self, epoch, rng)

    monkeypatch.setattr(Line, "batches", stopping)
    with pytest.raises(Stopped):
        learnt(tmp_path, name)
    monkeypatch.undo()

    same(learnt(tmp_path, name), learnt(None, name))


def test_a_loss_that_is_no_number_leaves_the_last_good_checkpoint(
    tmp_path, monkeypatch
):
    loss, steps = Line.loss, iter(range(1000))

    def breaking(self, batch):
        broken = next(steps) == 4 * 5 + 2  # The third of four steps of epoch 6.
        return loss(self, batch) * (float("nan") if broken else 1.0)

    monkeypatch.setattr(Line, "loss", breaking)
    with pytest.raises(ConfigError, match=r"loss is nan in epoch 6, step 3, .* rate"):
        learnt(tmp_path)
    monkeypatch.undo()

    assert max(int(path.name[-6:]) for path in tmp_path.glob("epoch-*")) == 5
    same(learnt(tmp_path), learnt(None))


@pytest.mark.parametrize("average", [None, 0.5])
def test_a_last_step_that_explodes_leaves_the_last_good_checkpoint(
    tmp_path, monkeypatch, average
):
    def learn(folder):
        rng = np.random.default_rng(0)
        task = Line(rng)
        settings = Training(3, optimizer=OPTIMIZERS["sgd"], average=average)
        method = SimpleNamespace(name="Line")
        curve = train(task, settings, Run(rng, checkpoints=folder), method=method)
        return curve, weights_of(task.module), rng.random()

    loss, steps = Line.loss, iter(range(1000))

    def exploding(self, batch):
        if next(steps) == 4 + 3:  # The last of four steps of epoch 2.
            self.module[0].weight.register_hook(lambda slope: slope * np.inf)
        return loss(self, batch)

    said = (
        r"^Line: a weight is (-?inf|nan) in epoch 2, at a learning rate of 0.01\. .*"
        r"The checkpoint of epoch 1 is kept\.$"
    )
    monkeypatch.setattr(Line, "loss", exploding)
    with pytest.raises(ConfigError, match=said):
        learn(tmp_path)
    monkeypatch.undo()

    assert [path.name for path in tmp_path.glob("epoch-*")] == ["epoch-000001"]
    same(learn(tmp_path), learn(None))


def test_a_training_that_has_ended_is_not_repeated(tmp_path, monkeypatch):
    whole = learnt(tmp_path)
    monkeypatch.setattr(Line, "loss", lambda self, batch: pytest.fail("trained"))

    same(learnt(tmp_path), whole)


def test_what_a_kill_left_half_written_or_half_removed_is_passed_over(tmp_path):
    whole = learnt(tmp_path)
    (mine,) = tmp_path.glob("epoch-*")
    shutil.copytree(mine, tmp_path / "epoch-000013")
    (tmp_path / "epoch-000013" / "manifest.json").unlink()
    (tmp_path / ".epoch-000014.x").mkdir()

    same(learnt(tmp_path), whole)


def test_checkpoints_of_another_training_are_refused(tmp_path):
    learnt(tmp_path)
    rng = np.random.default_rng(0)

    with pytest.raises(
        ConfigError, match="of a training with other settings\\. Choose"
    ):
        train(Line(rng), Training(epochs=2), Run(rng, checkpoints=tmp_path))


@pytest.mark.parametrize(
    "other",
    [
        [np.arange(3), Training(epochs=3), {"a": (1, 2.0)}],
        [np.arange(3), Training(epochs=2), {"a": (1, 3.0)}],
        [np.arange(4), Training(epochs=2), {"a": (1, 2.0)}],
        [np.arange(3.0), Training(epochs=2), {"a": (1, 2.0)}],
        [np.array([0, 1, 3]), Training(epochs=2), {"a": (1, 2.0)}],
        [np.arange(3), Training(epochs=2)],
    ],
)
def test_checkpoints_of_a_training_on_other_data_are_refused(tmp_path, other):
    def goes_on(data):
        rng = np.random.default_rng(0)
        train(Line(rng), Training(epochs=1), Run(rng, checkpoints=tmp_path), data)

    mine = [np.arange(3), Training(epochs=2), {"a": (1, 2.0)}]
    goes_on(mine)
    goes_on([np.arange(3), Training(epochs=2), {"a": (1, 2.0)}])

    with pytest.raises(ConfigError, match="of a training with another log\\. Choose"):
        goes_on(other)


def of_epochs(folder, epochs, seed=0, method=None, stops=None, **rest):
    """Train for so many epochs, and stop before one if it says so."""

    class Stopped(Exception):
        pass

    class Stopping(Line):
        def batches(self, epoch, rng):
            if epoch == stops:
                raise Stopped
            return super().batches(epoch, rng)

    rng = np.random.default_rng(seed)
    task = Stopping(rng)
    settings = Training(epochs, optimizer=OPTIMIZERS["adam"], patience=None, **rest)
    run = Run(rng, checkpoints=folder)
    try:
        curve = train(task, settings, run, [np.arange(3)], method)
    except Stopped:
        return None
    return curve, weights_of(task.module), rng.random()


ALIKE = {
    "none": None,
    "stairs": Stairs(2, 0.5),
    "warm": WarmUp(6, then=Stairs(3)),
}


@pytest.mark.parametrize("schedule", ALIKE.values(), ids=ALIKE)
def test_a_training_goes_on_for_more_epochs_as_if_it_had_had_them(tmp_path, schedule):
    of_epochs(tmp_path, 4, schedule=schedule)
    more = of_epochs(tmp_path, 7, schedule=schedule)

    same(more, of_epochs(None, 7, schedule=schedule))


def test_a_training_that_was_stopped_goes_on_for_fewer_epochs(tmp_path):
    of_epochs(tmp_path, 9, stops=3, validate_every=3)
    fewer = of_epochs(tmp_path, 5, validate_every=3)

    same(fewer, of_epochs(None, 5, validate_every=3))


def test_a_first_epoch_has_the_same_steps_whatever_their_number(tmp_path):
    of_epochs(tmp_path, 1, schedule=HalfCosine())
    more = of_epochs(tmp_path, 3, schedule=HalfCosine())

    # Of whole epochs the first has a length of 1, whatever their number.
    same(more, of_epochs(None, 3, schedule=HalfCosine()))


@pytest.mark.parametrize(
    ("before", "now", "rest", "said"),
    [
        (4, 7, {"schedule": HalfCosine()}, "HalfCosine goes by their number"),
        (4, 7, {"schedule": WarmUp(2, HalfCosine())}, "WarmUp goes by their number"),
        (4, 2, {}, "4 are over"),
        (4, 7, {"validate_every": 3}, "epoch 4 is validated where it is the last"),
    ],
)
def test_epochs_that_would_have_been_others_are_refused(
    tmp_path, before, now, rest, said
):
    of_epochs(tmp_path, before, **rest)

    text = f"training of epochs={before}, and this one has epochs={now}: {said}"
    with pytest.raises(ConfigError, match=f"{text}.* Set epochs to {before}, choose"):
        of_epochs(tmp_path, now, **rest)


def test_one_that_stops_where_its_last_epoch_was_not_validated_is_refused(tmp_path):
    of_epochs(tmp_path, 9, stops=4, validate_every=3)

    with pytest.raises(ConfigError, match="epoch 4 is validated where it is the last"):
        of_epochs(tmp_path, 4, validate_every=3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "another seed"),
        ({"average": 0.5}, "other settings"),
        ({"average": 0.5, "seed": 1}, "other settings and another seed"),
        ({"method": SimpleNamespace(width=4)}, "other settings"),
    ],
)
def test_what_differs_from_a_checkpoint_is_said(tmp_path, change, said):
    of_epochs(tmp_path, 2, method=SimpleNamespace(width=3))

    with pytest.raises(ConfigError, match=f"of a training with {said}\\. Choose"):
        of_epochs(tmp_path, 2, **{"method": SimpleNamespace(width=3), **change})


def test_a_module_that_differs_alone_is_said(tmp_path, monkeypatch):
    of_epochs(tmp_path, 2)
    made = Line.__init__

    def wider(self, rng, slow=0.0):
        made(self, rng, slow)
        self.module.append(torch.nn.Linear(1, 1))

    monkeypatch.setattr(Line, "__init__", wider)
    with pytest.raises(ConfigError, match="of a training with another module"):
        of_epochs(tmp_path, 2)


class Own:
    """An optimiser and a schedule of one's own, of a plain class."""

    def __init__(self, rate, then=None):
        self.rate, self.then = rate, then

    def of_weights(self, parameters):
        return torch.optim.SGD(parameters, lr=self.rate)

    def factor(self, step, epoch, epochs):
        return 1 - self.rate


class Computes(Own):
    @cached_property
    def table(self):
        return np.full(3, self.rate)


def test_a_training_by_plain_classes_goes_on_with_others_of_the_same_settings(tmp_path):
    def goes_on(rate, epochs=3):
        rng = np.random.default_rng(0)
        own = Training(epochs, optimizer=Own(rate), schedule=Own(0.5))
        return train(Line(rng), own, Run(rng, checkpoints=tmp_path))

    whole = goes_on(0.1)

    assert goes_on(0.1) == whole
    with pytest.raises(
        ConfigError, match="of a training with other settings\\. Choose"
    ):
        goes_on(0.2)


def test_a_fingerprint_goes_into_objects_by_what_they_were_given():
    read = Computes(0.1)
    assert read.table.all()
    loop = Own(0.1)
    loop.then = [loop]

    one = fingerprint([Own(0.1, then=Own(np.float32(2), np.arange(3)))])
    assert one == fingerprint([Own(0.1, then=Own(2.0, np.arange(3)))])
    assert one != fingerprint([Own(0.1, then=Own(2.0, np.arange(4)))])
    assert one != fingerprint([Own(0.1, then=Computes(2.0, np.arange(3)))])
    assert fingerprint([read]) == fingerprint([Computes(0.1)])
    assert fingerprint([loop]) != fingerprint([Own(0.1)])
    assert fingerprint([{"b", "a"}]) == fingerprint([{"a", "b"}])
    assert fingerprint([Own]) != fingerprint([Computes])
    assert fingerprint([Path("a")]) != fingerprint([Path("b")])


def test_a_fingerprint_is_the_same_in_another_process():
    code = (
        "import numpy as np; from tidegraph.training.fingerprint import fingerprint; "
        "print(fingerprint([np.arange(3), {'a': object()}, 'b']))"
    )
    path = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": "7"}
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=path,
        capture_output=True,
        text=True,
        check=True,
    )

    mine = fingerprint([np.arange(3), {"a": object()}, "b"])
    assert said.stdout.strip() == mine
