"""How a module is trained, and how that went."""

import math
from dataclasses import dataclass, field

import numpy as np

from tidegraph.arguments import settings
from tidegraph.ranges import at_least, within
from tidegraph.training.optimizers import AdamW, Optimizer
from tidegraph.training.schedules import Schedule


@settings
class Training:
    """How long and how fast to learn.

    Attributes:
        epochs: Most passes over the examples.
        batch_size: Examples per step.
        optimizer: How a gradient becomes a step.
        schedule: How the step length changes; not at all if left out.
        patience: Stop after so many epochs without a better validation; never if None.
        validate_every: Epochs from one validation to the next.
        average: Validate and keep the running mean of the weights, of which each step
            leaves this share; the weights themselves if left out.

    Source:
        Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging",
        1992, with an exponential window, for ``average``.
    """

    epochs: int = 20
    batch_size: int = 64
    optimizer: Optimizer = field(default_factory=AdamW)
    schedule: Schedule | None = None
    patience: int | None = 3
    validate_every: int = 1
    average: float | None = None

    def __post_init__(self) -> None:
        at_least("training", 1, epochs=self.epochs, batch_size=self.batch_size)
        at_least(
            "training", 1, patience=self.patience, validate_every=self.validate_every
        )
        within("training", average=self.average)


@dataclass(frozen=True)
class Curve:
    """How a training went, epoch by epoch.

    Attributes:
        loss: Mean training loss of each epoch.
        metric: What validation found after each epoch; higher is better, nan where
            there was none.
    """

    loss: tuple[float, ...] = ()
    metric: tuple[float, ...] = ()

    @property
    def best_epoch(self) -> int:
        """The epoch, from 0, whose weights were kept; the last if none was judged."""
        if np.isnan(self.metric).all():
            return len(self.metric) - 1
        return int(np.nanargmax(self.metric))

    def followed_by(self, loss: float, metric: float) -> "Curve":
        """Return the curve one epoch on."""
        return Curve((*self.loss, loss), (*self.metric, metric))

    def text(self) -> str:
        """Return a line that says how it went, or that nothing was trained."""
        if not self.loss:
            return "not trained"
        best = self.best_epoch
        return (
            f"{len(self.loss)} epochs, loss {self.loss[0]:.4f} to {self.loss[-1]:.4f}; "
            f"kept epoch {best + 1}, validation {self.metric[best]:.4f}"
        )

    def table(self) -> dict[str, list[float | None]]:
        """Return it as JSON can hold it."""
        metric = [None if math.isnan(value) else value for value in self.metric]
        return {"loss": list(self.loss), "metric": list(metric)}

    @classmethod
    def from_table(cls, table: dict[str, list[float | None]]) -> "Curve":
        """Rebuild from what ``table`` returned."""
        loss, metric = (
            tuple(math.nan if value is None else value for value in table[name])
            for name in ("loss", "metric")
        )
        return cls(loss, metric)
