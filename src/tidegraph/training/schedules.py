"""Schedules: by what the step length is multiplied as training goes on.

A schedule is a function of how far training is, so there is nothing in it to save.
"""

import math
from typing import Protocol, runtime_checkable

from tidegraph.arguments import settings
from tidegraph.ranges import at_least, from_0_to_1

__all__ = ["HalfCosine", "Linear", "Schedule", "Stairs", "WarmUp"]


@runtime_checkable
class Schedule(Protocol):
    """Settings of a schedule; one of your own needs no more than this.

    Such as ``tg.schedules.Linear()``.
    """

    def factor(self, step: int, epoch: int | float, epochs: int) -> float:
        """Return the factor of step ``step`` (from 0, over all epochs).

        ``epoch`` is how many are over; a whole number, unless the task knows how many
        steps an epoch has.
        """
        ...


@settings
class HalfCosine:
    """Falls along half a cosine from 1 to ``floor``.

    Attributes:
        floor: The factor at the end.

    Source:
        Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5 without restarts.
    """

    floor: float = 0.0

    def __post_init__(self) -> None:
        from_0_to_1("HalfCosine", floor=self.floor)

    def factor(self, step: int, epoch: int | float, epochs: int) -> float:
        """Return the factor of an epoch."""
        turn = math.cos(math.pi * epoch / epochs)
        return self.floor + (1 - self.floor) * (1 + turn) / 2


@settings
class Linear:
    """Falls in a line from 1 to ``floor``.

    Attributes:
        floor: The factor at the end.

    Source:
        Mikolov et al., "Efficient Estimation of Word Representations in Vector Space",
        2013, section 4.2, where the floor is 1e-4.
    """

    floor: float = 1e-4

    def __post_init__(self) -> None:
        from_0_to_1("Linear", floor=self.floor)

    def factor(self, step: int, epoch: int | float, epochs: int) -> float:
        """Return the factor at a moment."""
        return 1 - (1 - self.floor) * min(epoch / epochs, 1.0)


@settings
class Stairs:
    """Is multiplied by ``by`` after every ``every`` epochs.

    Attributes:
        every: Epochs between two falls.
        by: The share that is left after a fall.
    """

    every: int = 10
    by: float = 0.1

    def __post_init__(self) -> None:
        at_least("Stairs", 1, every=self.every)
        from_0_to_1("Stairs", by=self.by)

    def factor(self, step: int, epoch: int | float, epochs: int) -> float:
        """Return the factor of an epoch."""
        return self.by ** int(epoch // self.every)


@settings
class WarmUp:
    """Rises in a line over the first steps, then follows another schedule.

    Attributes:
        steps: How many steps the rise takes.
        then: What it is multiplied with; 1 if left out.
    """

    steps: int = 100
    then: Schedule | None = None

    def __post_init__(self) -> None:
        at_least("WarmUp", 1, steps=self.steps)

    def factor(self, step: int, epoch: int | float, epochs: int) -> float:
        """Return the factor of a step."""
        later = 1.0 if self.then is None else self.then.factor(step, epoch, epochs)
        return min(1.0, (step + 1) / self.steps) * later
