"""The one loop that trains every module, whatever its objective."""

import copy
import math
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import numpy as np

from tidegraph.artifact.in_use import used_alone
from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.progress import track
from tidegraph.rng import fresh_seed
from tidegraph.run import Curve, Run
from tidegraph.training.checkpoint import (
    Checkpoint,
    check_epochs,
    digests_of,
    newest_checkpoint,
)
from tidegraph.training.optimizer_steps import stepper, use_sparse_gradients
from tidegraph.training.settings import Training
from tidegraph.training.task import Counts, SteppingTask, Task
from tidegraph.training.threads import threads
from tidegraph.training.weights import tensor

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

B = TypeVar("B")

LARGEST_WEIGHT = 1e18
"""Products of two vectors of larger weights may be no number of 32 bits."""


@dataclass(eq=False)
class _Weights:
    """Copies of a module's weights: the best so far, and their running mean.

    Attributes:
        best: Weights of the best epoch; empty before the first validation.
        mean: Running mean; empty where none is wanted.
    """

    best: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    mean: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    def blend(self, module: nn.Module, share: float, step: int) -> None:
        """Take the weights into the mean; counters are taken as they are.

        Args:
            module: What learns.
            share: What a step leaves of those before it.
            step: How many steps the mean has with this one. Their shares are brought
                to a sum of 1, so that nothing is left of the first draw.
        """
        new = (1 - share) / (1 - share**step)
        for name, value in module.state_dict().items():
            mean = self.mean[name]
            if mean.is_floating_point():
                mean.lerp_(value.detach(), new)
            else:
                mean.copy_(value)


def train(
    task: Task[B] | SteppingTask[B],
    settings: Training,
    run: Run,
    data: Iterable[object] = (),
    method: object = None,
) -> Curve:
    """Fit a task's module in place and return how it went.

    The weights of the best epoch are kept: whatever ends the training, an interruption
    included, they are put back. With ``run.checkpoints`` a training that was killed
    goes on after its last whole epoch and ends with the same bits as one that was not.
    A task that takes its steps itself does so on the processor, whatever the device.

    Args:
        task: What learns, from what.
        settings: How long and how fast.
        run: Where, and from which generator.
        data: What the task learns from: arrays that a checkpoint must agree in.
        method: What has ``settings`` among its own, in which a checkpoint must agree
            as well; its name begins the sentence about a training that diverges.

    Raises:
        ConfigError: The loss, a weight or what validation finds is not a number any
            more, the device is not there, the optimiser is not one for the task, or
            the checkpoints are of another training, or in use by one.
    """
    tables = use_sparse_gradients(task.module, settings.optimizer)
    alone = used_alone(run.checkpoints, "training", "for checkpoints")
    with alone, engine(run) as device, tables:
        if not isinstance(task, SteppingTask):
            task.module.to(device)
        return _Training(task, settings, run, data, method).run_all()


class _Training(Generic[B]):
    """One training under way."""

    def __init__(
        self,
        task: Task[B] | SteppingTask[B],
        settings: Training,
        run: Run,
        data: Iterable[object],
        method: object,
    ) -> None:
        self.task, self.settings, self.run = task, settings, run
        self.name = "" if method is None else _name_of(method)
        self.stepper = stepper(task, settings.optimizer)
        self.step, self.curve, self.weights = 0, Curve(), _Weights()
        self.said = ""
        if settings.average is not None:
            self.weights.mean = _copied_weights(task.module.state_dict())
        self.digests = dict[str, str]()
        if run.checkpoints is not None:
            shapes = {n: tuple(v.shape) for n, v in task.module.state_dict().items()}
            self.digests = digests_of(settings, method, data, shapes, run.rng)

    def run_all(self) -> Curve:
        """Train to the end, from the newest checkpoint if there is one."""
        self._resume_from_checkpoint()
        first = len(self.curve.loss)
        epochs = range(first, 0 if self._patience_is_over() else self.settings.epochs)
        try:
            for epoch in track(epochs, self._progress_text):
                loss = self._train_epoch(epoch)
                self.curve = self.curve.followed_by(loss, self._validate(epoch))
                if self.run.monitor is not None:
                    self.run.monitor.epoch(epoch + 1, loss, self.curve.metric[-1])
                self._write_checkpoint()
                if self._patience_is_over():
                    break
        finally:
            if self.weights.best:
                self.task.module.load_state_dict(self.weights.best)
            self.task.module.eval()
        return self.curve

    def _progress_text(self) -> str:
        best = self.settings.patience is not None
        until = " until no better" if best else ""
        return f"training on {self.task.unit}{until}{self.said}"

    def _train_epoch(self, epoch: int) -> float:
        """Take one step per batch and return the mean loss."""
        task, seen, examples = self.task, list[float](), 0
        counts = cast(Counts[B], task) if isinstance(task, Counts) else None
        task.module.train()
        started = time.perf_counter()
        with _layer_noise(self.run.rng):
            for batch in task.batches(epoch, self.run.rng):
                seen.append(self._take_step(batch, epoch, len(seen)))
                if not math.isfinite(seen[-1]):
                    what = f"the training loss is {seen[-1]}"
                    raise self._diverged(what, epoch, f", step {len(seen)}")
                if counts is not None:
                    examples += counts.examples(batch)
                    rate = examples / max(time.perf_counter() - started, 1e-9)
                    # Read as it is by whoever shows it, in the midst of an epoch too.
                    of = f"{examples:,} of epoch {epoch + 1}"
                    self.said = f" ({of}, {rate:,.0f} a second)"
        self._refuse_broken_weights(epoch)
        return float(np.mean(seen)) if seen else 0.0

    def _take_step(self, batch: B, epoch: int, done: int) -> float:
        """Take one step, after ``done`` others in this epoch; return the loss."""
        schedule, share, factor = self.settings.schedule, self.settings.average, 1.0
        if schedule is not None:
            over = epoch + 0.0
            if isinstance(self.task, SteppingTask) and self.task.steps:
                over += min(done / self.task.steps, 1.0)
            factor = schedule.factor(self.step, over, self.settings.epochs)
        loss = self.stepper.step(batch, factor)
        self.step += 1
        if share is not None:
            self.weights.blend(self.task.module, share, self.step)
        return loss

    def _refuse_broken_weights(self, epoch: int) -> None:
        """Look at the weights once an epoch: a loss is of those before its step."""
        with torch.inference_mode():
            for name, weight in self.task.module.named_parameters():
                mean = [self.weights.mean[name]] if self.weights.mean else []
                for values in (weight, *mean) if weight.numel() else ():
                    least, most = map(float, torch.aminmax(values))
                    worst = least if -least > most else most
                    # What is no number is not below, either.
                    if not abs(worst) < LARGEST_WEIGHT:
                        raise self._diverged(f"a weight is {worst:g}", epoch)

    def _diverged(self, what: str, epoch: int, step: str = "") -> ConfigError:
        """Return the error of a training whose numbers are none any more."""
        text = (
            f"{what} in epoch {epoch + 1}{step}, at a learning rate of "
            f"{self.stepper.rate:g}. Lower learning_rate, or look for huge numbers in "
            "what it learns from."
        )
        if self.run.checkpoints is not None and epoch:
            text += f" The checkpoint of epoch {epoch} is kept."
        return ConfigError(f"{self.name}: {text}" if self.name else text)

    def _validate(self, epoch: int) -> float:
        """Return what validation finds, nan where it is not this epoch's turn."""
        last = epoch + 1 == self.settings.epochs
        if (epoch + 1) % self.settings.validate_every and not last:
            return math.nan
        module = self.task.module
        own = _copied_weights(module.state_dict()) if self.weights.mean else {}
        if own:
            module.load_state_dict(self.weights.mean)
        module.eval()
        with torch.inference_mode():
            metric = float(self.task.validate())
        if math.isinf(metric):
            raise self._diverged("validation finds no number", epoch)
        # Of a task that holds nothing out, nan, the last weights are the best.
        most = _largest_metric(self.curve.metric)
        if math.isnan(most) or metric > most:
            self.weights.best = _copied_weights(module.state_dict())
        if own:
            module.load_state_dict(own)
        return metric

    def _patience_is_over(self) -> bool:
        patience, metric = self.settings.patience, self.curve.metric
        # An epoch that was not validated says nothing of whether it got better.
        if patience is None or not metric or math.isnan(metric[-1]):
            return False
        return len(metric) - 1 - self.curve.best_epoch >= patience

    def _write_checkpoint(self) -> None:
        """Write a checkpoint, if there is a place for it."""
        if self.run.checkpoints is None:
            return
        arrays = {
            f"{part}/{name}": value.detach().cpu().numpy()
            for part, values in (
                ("weights", self.task.module.state_dict()),
                ("best", self.weights.best),
                ("mean", self.weights.mean),
            )
            for name, value in values.items()
        }
        for name, array in self.stepper.state().items():
            arrays[f"optimizer/{name}"] = array
        rng = cast(dict[str, Any], self.run.rng.bit_generator.state)
        more = {"epochs": self.settings.epochs}
        Checkpoint(self.digests, self.step, self.curve, rng, arrays, more).write(
            self.run.checkpoints
        )

    def _resume_from_checkpoint(self) -> None:
        """Go on from the newest checkpoint, if there is one."""
        if self.run.checkpoints is None:
            return
        found = newest_checkpoint(self.run.checkpoints, self.digests)
        if found is None:
            return
        within = isinstance(self.task, SteppingTask) and self.task.steps > 0
        check_epochs(self.run.checkpoints, found, self.settings, within=within)
        parts: dict[str, dict[str, Tensor]] = {"best": {}, "mean": {}, "weights": {}}
        kept: dict[str, np.ndarray] = {}
        for name, array in found.arrays.items():
            part, _, rest = name.partition("/")
            if part == "optimizer":
                kept[rest] = array
            else:
                parts[part][rest] = tensor(array)
        self.task.module.load_state_dict(parts["weights"])
        self.stepper.restore(kept)
        device = next(self.task.module.parameters()).device
        self.weights = _Weights(
            *({n: v.to(device) for n, v in parts[p].items()} for p in ("best", "mean"))
        )
        self.step, self.curve = found.step, found.curve
        self.run.rng.bit_generator.state = found.rng


def _name_of(method: object) -> str:
    return str(getattr(method, "name", type(method).__name__))


def _largest_metric(metric: tuple[float, ...]) -> float:
    """Return the largest number that is none but nan; nan if all are."""
    return max((m for m in metric if not math.isnan(m)), default=math.nan)


def _copied_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in weights.items()}


@contextmanager
def _layer_noise(rng: np.random.Generator) -> Generator[None, None, None]:
    """Let layers such as dropout draw what ``rng`` says; the global state comes back.

    The seed is drawn from a copy, so an epoch that is resumed draws the same.
    """
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):  # pyright: ignore[reportUnknownMemberType]
        seed = fresh_seed(copy.deepcopy(rng))
        torch.default_generator.manual_seed(seed)
        for device in devices:
            torch.cuda.default_generators[device].manual_seed(seed)
        yield


@contextmanager
def engine(run: Run) -> Generator[torch.device, None, None]:
    """Give the device of a run, and its number of threads while the block lasts.

    Raises:
        ConfigError: There is no such device here.
    """
    try:
        device = torch.empty(0, device=run.device).device
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"the run names the device {run.device!r}, which this machine lacks. "
            'Use "cpu".'
        ) from error
    with threads(run.threads):
        yield device
