"""How a module is trained, and how that went."""

from dataclasses import field

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

    @property
    def stops_early(self) -> bool:
        """Whether validation says when to stop."""
        return self.patience is not None
