"""How a batch becomes a step: down its gradient, or as the task does it."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

import numpy as np

from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.training.optimizers import LazyAdam, Optimizer, PairSGD
from tidegraph.training.task import SteppingTask, Task
from tidegraph.training.weights import tensor

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

B = TypeVar("B")


def stepper(
    task: Task[B] | SteppingTask[B], optimizer: Optimizer
) -> "_ByGradient[B] | _ByItself[B]":
    """Return what takes the steps of a task.

    Raises:
        ConfigError: The task takes its steps itself, but not by such an optimiser.
    """
    if not isinstance(task, SteppingTask):
        return _ByGradient(task, optimizer)
    if not isinstance(optimizer, PairSGD):
        raise ConfigError(
            f"{type(optimizer).__name__} does not go with a kernel that takes a step "
            "per example. Use optimizer = PairSGD."
        )
    return _ByItself(task, optimizer)


@contextmanager
def use_sparse_gradients(module: nn.Module, optimizer: Optimizer) -> Generator[None]:
    """Let tables have gradients of the rows of a batch alone, if an optimiser asks."""
    tables = [part for part in module.modules() if isinstance(part, nn.Embedding)]
    for table in tables:
        table.sparse = isinstance(optimizer, LazyAdam)
    try:
        yield
    finally:
        for table in tables:
            table.sparse = False


class _ByItself(Generic[B]):
    """The steps of a task that takes them itself.

    Attributes:
        rate: Length of the last step.
    """

    def __init__(self, task: SteppingTask[B], optimizer: PairSGD) -> None:
        self.task, self.first = task, optimizer.learning_rate
        self.rate = self.first

    def step(self, batch: B, factor: float) -> float:
        """Take a step, its length times ``factor``, and return the loss before it."""
        self.rate = self.first * factor
        return self.task.step(batch, self.rate)

    def state(self) -> dict[str, np.ndarray]:
        """Return what it remembers of earlier steps."""
        return {}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Do nothing: no step remembers another."""


class _ByGradient(Generic[B]):
    """Steps down the gradient of a task's loss.

    Attributes:
        rate: Length of the last step.
    """

    def __init__(self, task: Task[B], optimizer: Optimizer) -> None:
        self.task = task
        self.optimizer = optimizer.of_weights(task.module.parameters())
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.rate = self.rates[0]

    def step(self, batch: B, factor: float) -> float:
        """Take a step, its length times ``factor``, and return the loss before it."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.rate = self.rates[0] * factor
        loss = self.task.loss(batch)
        self.optimizer.zero_grad()
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        self.optimizer.step()
        return loss.item()

    def state(self) -> dict[str, np.ndarray]:
        """Return what it remembers of earlier steps."""
        return {
            f"{number}/{name}": torch.as_tensor(value).detach().cpu().numpy()
            for number, kept in self.optimizer.state_dict()["state"].items()
            for name, value in kept.items()
            if value is not None
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what ``state`` returned."""
        slots: dict[int, dict[str, Tensor]] = {}
        for name, array in arrays.items():
            number, _, slot = name.partition("/")
            slots.setdefault(int(number), {})[slot] = tensor(array)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
