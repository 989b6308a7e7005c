"""Schedules: by what the step length is multiplied as training goes on.

A schedule is a function of how far training is, so there is nothing in it to save.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tidegraph.errors import ConfigError

__all__ = ["Cosine", "Schedule", "Stairs", "WarmUp"]


@runtime_checkable
class Schedule(Protocol):
    """Settings of a schedule; one of your own needs no more than this."""

    def factor(self, step: int, epoch: int, epochs: int) -> float:
        """Return the factor of step ``step`` (from 0, over all epochs)."""
        ...


@dataclass(frozen=True)
class Cosine:
    """Falls along half a cosine, epoch by epoch, from 1 to ``floor``.

    Attributes:
        floor: The factor at the end.

    Source:
        Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5 without restarts.
    """

    floor: float = 0.0

    def __post_init__(self) -> None:
        _within("Cosine", "floor", self.floor)

    def factor(self, step: int, epoch: int, epochs: int) -> float:
        """Return the factor of an epoch."""
        turn = math.cos(math.pi * epoch / epochs)
        return self.floor + (1 - self.floor) * (1 + turn) / 2


@dataclass(frozen=True)
class Stairs:
    """Is multiplied by ``by`` after every ``every`` epochs.

    Attributes:
        every: Epochs between two falls.
        by: The share that is left after a fall.
    """

    every: int = 10
    by: float = 0.1

    def __post_init__(self) -> None:
        _at_least_one("Stairs", "every", self.every)
        _within("Stairs", "by", self.by)

    def factor(self, step: int, epoch: int, epochs: int) -> float:
        """Return the factor of an epoch."""
        return self.by ** (epoch // self.every)


@dataclass(frozen=True)
class WarmUp:
    """Rises in a line over the first steps, then follows another schedule.

    Attributes:
        steps: How many steps the rise takes.
        then: What it is multiplied with; 1 if left out.
    """

    steps: int = 100
    then: Schedule | None = None

    def __post_init__(self) -> None:
        _at_least_one("WarmUp", "steps", self.steps)

    def factor(self, step: int, epoch: int, epochs: int) -> float:
        """Return the factor of a step."""
        later = 1.0 if self.then is None else self.then.factor(step, epoch, epochs)
        return min(1.0, (step + 1) / self.steps) * later


def _at_least_one(name: str, setting: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"{name} has {setting}={value}; it must be at least 1.")


def _within(name: str, setting: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} has {setting}={value}; it must be from 0 to 1.")
