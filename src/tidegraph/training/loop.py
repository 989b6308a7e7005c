"""The one loop that trains every module, whatever its objective."""

import copy
import math
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import numpy as np

from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.progress import track
from tidegraph.rng import fresh_seed
from tidegraph.run import Curve, Run
from tidegraph.training.checkpoint import Checkpoint, digest_of, fingerprint, newest
from tidegraph.training.settings import Training
from tidegraph.training.task import Task
from tidegraph.training.weights import tensor

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

B = TypeVar("B")


@dataclass(eq=False)
class _Weights:
    """Copies of a module's weights: the best so far, and their running mean.

    Attributes:
        best: Weights of the best epoch; empty before the first validation.
        mean: Running mean; empty where none is wanted.
    """

    best: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    mean: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    def blend(self, module: nn.Module, share: float) -> None:
        """Move the mean a step towards the weights; counters are taken as they are."""
        for name, value in module.state_dict().items():
            mean = self.mean[name]
            if mean.is_floating_point():
                mean.lerp_(value.detach(), 1 - share)
            else:
                mean.copy_(value)


def train(
    task: Task[B], settings: Training, run: Run, data: Iterable[object] = ()
) -> Curve:
    """Fit a task's module in place and return how it went.

    The weights of the best epoch are kept: whatever ends the training, an interruption
    included, they are put back. With ``run.checkpoints`` a training that was killed
    goes on after its last whole epoch and ends with the same bits as one that was not.

    Args:
        task: What learns, from what.
        settings: How long and how fast.
        run: Where, and from which generator.
        data: Arrays and settings that a checkpoint must agree in, beside ``settings``
            and the module's shapes; what the task learns from.

    Raises:
        ConfigError: The loss is not a number any more, the device is not there, or the
            checkpoints are of another training.
    """
    with engine(run) as device:
        task.module.to(device)
        return _Training(task, settings, run, data).run_all()


class _Training(Generic[B]):
    """One training under way."""

    def __init__(
        self, task: Task[B], settings: Training, run: Run, data: Iterable[object]
    ) -> None:
        self.task, self.settings, self.run = task, settings, run
        self.optimizer = settings.optimizer.build(task.module.parameters())
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.step, self.curve, self.weights = 0, Curve(), _Weights()
        if settings.average is not None:
            self.weights.mean = _copy(task.module.state_dict())
        shapes = {n: tuple(v.shape) for n, v in task.module.state_dict().items()}
        self.digest = digest_of(settings, shapes, run.rng)
        self.data = "" if run.checkpoints is None else fingerprint(data)

    def run_all(self) -> Curve:
        """Train to the end, from the newest checkpoint if there is one."""
        self._resume()
        first = len(self.curve.loss)
        epochs = range(first, 0 if self._patience_is_over() else self.settings.epochs)
        try:
            for epoch in track(epochs, f"training on {self.task.unit}"):
                loss = self._epoch(epoch)
                self.curve = self.curve.followed_by(loss, self._validated(epoch))
                if self.run.monitor is not None:
                    self.run.monitor.epoch(epoch + 1, loss, self.curve.metric[-1])
                self._keep()
                if self._patience_is_over():
                    break
        finally:
            if self.weights.best:
                self.task.module.load_state_dict(self.weights.best)
            self.task.module.eval()
        return self.curve

    def _epoch(self, epoch: int) -> float:
        """Take one step per batch and return the mean loss."""
        module, seen = self.task.module, list[float]()
        module.train()
        with _noise(self.run.rng):
            for batch in self.task.batches(epoch, self.run.rng):
                loss = self.task.loss(batch)
                self._step(loss, epoch)
                seen.append(loss.item())
                if not math.isfinite(seen[-1]):
                    raise ConfigError(
                        f"the training loss is {seen[-1]} in epoch {epoch + 1}, batch "
                        f"{len(seen)}. Lower learning_rate, or look for huge features."
                    )
        return float(np.mean(seen)) if seen else 0.0

    def _step(self, loss: Tensor, epoch: int) -> None:
        schedule, share = self.settings.schedule, self.settings.average
        if schedule is not None:
            factor = schedule.factor(self.step, epoch, self.settings.epochs)
            for group, rate in zip(
                self.optimizer.param_groups, self.rates, strict=True
            ):
                group["lr"] = rate * factor
        self.optimizer.zero_grad()
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        self.optimizer.step()
        self.step += 1
        if share is not None:
            self.weights.blend(self.task.module, share)

    def _validated(self, epoch: int) -> float:
        """Return what validation finds, nan where it is not this epoch's turn."""
        last = epoch + 1 == self.settings.epochs
        if (epoch + 1) % self.settings.validate_every and not last:
            return math.nan
        module = self.task.module
        own = _copy(module.state_dict()) if self.weights.mean else {}
        if own:
            module.load_state_dict(self.weights.mean)
        module.eval()
        with torch.inference_mode():
            metric = float(self.task.validate())
        # Of a task that holds nothing out, nan, the last weights are the best.
        if math.isnan(metric) or not metric <= _largest(self.curve.metric):
            self.weights.best = _copy(module.state_dict())
        if own:
            module.load_state_dict(own)
        return metric

    def _patience_is_over(self) -> bool:
        patience, metric = self.settings.patience, self.curve.metric
        if patience is None or not np.isfinite(metric).any():
            return False
        return len(metric) - 1 - self.curve.best_epoch >= patience

    def _keep(self) -> None:
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
        for number, kept in self.optimizer.state_dict()["state"].items():
            for name, value in kept.items():
                if value is not None:
                    held = torch.as_tensor(value).detach().cpu().numpy()
                    arrays[f"optimizer/{number}/{name}"] = held
        rng = cast(dict[str, Any], self.run.rng.bit_generator.state)
        Checkpoint(self.digest, self.data, self.step, self.curve, rng, arrays).write(
            self.run.checkpoints
        )

    def _resume(self) -> None:
        """Go on from the newest checkpoint, if there is one."""
        if self.run.checkpoints is None:
            return
        found = newest(self.run.checkpoints, self.digest, self.data)
        if found is None:
            return
        parts: dict[str, dict[str, Tensor]] = {"best": {}, "mean": {}, "weights": {}}
        slots: dict[int, dict[str, Tensor]] = {}
        for name, array in found.arrays.items():
            part, _, rest = name.partition("/")
            if part == "optimizer":
                number, _, slot = rest.partition("/")
                slots.setdefault(int(number), {})[slot] = tensor(array)
            else:
                parts[part][rest] = tensor(array)
        self.task.module.load_state_dict(parts["weights"])
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        device = next(self.task.module.parameters()).device
        self.weights = _Weights(
            *({n: v.to(device) for n, v in parts[p].items()} for p in ("best", "mean"))
        )
        self.step, self.curve = found.step, found.curve
        self.run.rng.bit_generator.state = found.rng


def _largest(metric: tuple[float, ...]) -> float:
    """Return the largest number that is none but nan; nan if all are."""
    return max((m for m in metric if not math.isnan(m)), default=math.nan)


def _copy(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in weights.items()}


@contextmanager
def _noise(rng: np.random.Generator) -> Generator[None, None, None]:
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


@contextmanager
def threads(count: int = 1) -> Generator[None, None, None]:
    """Keep torch on so many threads: one gives the same bits and no stalling barriers.

    Torch's threads meet at a barrier after every small product; beside any other work
    on the machine they wait there for most of the time.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
