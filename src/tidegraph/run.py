"""The circumstances of a fit: what changes where it runs, never what is learnt."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from tidegraph.ranges import at_least


@runtime_checkable
class Monitor(Protocol):
    """Hears of every epoch as it ends."""

    def epoch(self, number: int, loss: float, metric: float) -> None:
        """Take note of an epoch, counted from 1; ``metric`` may be nan."""
        ...


@dataclass(frozen=True)
class Run:
    """Where a fit runs; none of it is a setting of the method.

    Attributes:
        rng: Draws everything random.
        device: Torch's name of the device, such as ``cpu`` or ``cuda``.
        threads: Threads of the tensor engine; the same number gives the same bits.
        checkpoints: Folder to resume from and to write to after every epoch.
        monitor: Hears how it goes.
    """

    rng: np.random.Generator
    device: str = "cpu"
    threads: int = 1
    checkpoints: Path | None = None
    monitor: Monitor | None = None

    def __post_init__(self) -> None:
        at_least("a run's", 1, threads=self.threads)

    def child(self, name: str) -> "Run":
        """Return the run of a part, whose checkpoints have a folder of their own."""
        folder = self.checkpoints
        return self if folder is None else replace(self, checkpoints=folder / name)
