"""What the training loop needs of anything that learns."""

import math
from collections.abc import Iterable
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn

B = TypeVar("B")
C = TypeVar("C", contravariant=True)


def least_if_nan(metric: float) -> float:
    """Return what was found of what is held out: -inf for what is no number."""
    return -math.inf if math.isnan(metric) else metric


@runtime_checkable
class Task(Protocol[B]):
    """A module, its batches as data, and what a batch costs.

    Everything random of a batch is drawn in ``batches``, so that a batch is a value;
    only layers such as dropout draw in ``loss``, from a state the loop sets.
    """

    @property
    def module(self) -> nn.Module:
        """What learns."""
        ...

    @property
    def unit(self) -> str:
        """What a batch is made of, in the plural: requests, pairs."""
        ...

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[B]:
        """Return the batches of an epoch, counted from 0."""
        ...

    def loss(self, batch: B) -> Tensor:
        """Return the loss of a batch under the weights as they are."""
        ...

    def validate(self) -> float:
        """Return a number that should grow.

        It is nan if nothing is held out, and -inf if something is and no number is
        found for it: the training has diverged.
        """
        ...


@runtime_checkable
class SteppingTask(Protocol[B]):
    """A task that takes its steps itself: a kernel on the arrays of the weights.

    Its weights are those of a module, so that they are copied, judged, kept and put
    back as any are; ``step`` changes them in place, on the processor.
    """

    @property
    def module(self) -> nn.Module:
        """What learns."""
        ...

    @property
    def unit(self) -> str:
        """What a batch is made of, in the plural: requests, pairs."""
        ...

    @property
    def steps(self) -> int:
        """How many batches an epoch has, or about so many; 0 if nobody knows."""
        ...

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[B]:
        """Return the batches of an epoch, counted from 0."""
        ...

    def step(self, batch: B, rate: float) -> float:
        """Take a step of length ``rate``, and return the mean loss before it."""
        ...

    def validate(self) -> float:
        """Return a number that should grow.

        It is nan if nothing is held out, and -inf if something is and no number is
        found for it: the training has diverged.
        """
        ...


@runtime_checkable
class Counts(Protocol[C]):
    """A task that says how many examples a batch has, for the progress to tell."""

    def examples(self, batch: C) -> int:
        """Return how many examples a batch has."""
        ...
