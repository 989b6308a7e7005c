"""The circumstances of a fit, which change where it runs, and how it went."""

import math
import os
import zlib
from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import numpy as np

from tidegraph.arguments import no_unknown, whole
from tidegraph.arguments.conversion import shown
from tidegraph.errors import ConfigError, RequestError
from tidegraph.ranges import at_least
from tidegraph.rng import generator


@runtime_checkable
class Monitor(Protocol):
    """Is told of every epoch as it ends."""

    def epoch(self, number: int, loss: float, metric: float) -> None:
        """Take note of an epoch, counted from 1; ``metric`` may be nan."""
        ...


@runtime_checkable
class HasParts(Protocol):
    """A monitor that keeps the parts of a fit apart."""

    def child(self, name: str) -> Monitor:
        """Return the monitor of a part."""
        ...


@no_unknown
@dataclass(frozen=True)
class Run:
    """Where a fit runs; none of it is a setting of the method.

    Attributes:
        rng: Draws everything random; a seed becomes a generator.
        device: Torch's name of the device, such as ``cpu`` or ``cuda``.
        threads: Threads of the tensor engine; the same number gives the same bits.
        checkpoints: Folder to resume from and to write to after every epoch.
        monitor: Is told how it goes.
    """

    rng: np.random.Generator
    device: str = "cpu"
    threads: int = 1
    checkpoints: Path | None = None
    monitor: Monitor | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "rng", _drawing_from(self.rng))
        if self.checkpoints is not None:
            object.__setattr__(self, "checkpoints", _folder(self.checkpoints))
        at_least("a run's", 1, threads=self.threads)

    @property
    def key(self) -> Hashable:
        """What decides the bits that a fit ends with, beside its log and settings."""
        seed = cast(np.random.SeedSequence, self.rng.bit_generator.seed_seq)
        return repr(seed.entropy), seed.spawn_key, self.device, self.threads

    def drawing(self, part: str) -> np.random.Generator:
        """Return a generator of a part's own, by the seed of ``rng`` and its name.

        It draws the same alone and in company, whatever ``rng`` has drawn before.
        """
        seed = cast(np.random.SeedSequence, self.rng.bit_generator.seed_seq)
        key = (*seed.spawn_key, zlib.crc32(part.encode()))
        return np.random.default_rng(
            np.random.SeedSequence(seed.entropy, spawn_key=key)
        )

    def child(self, name: str) -> "Run":
        """Return the run of a part, whose checkpoints have a folder of their own."""
        folder, monitor = self.checkpoints, self.monitor
        if isinstance(monitor, HasParts):
            monitor = monitor.child(name)
        if folder is not None:
            folder = folder / name
        return replace(self, checkpoints=folder, monitor=monitor)


def _drawing_from(rng: object) -> np.random.Generator:
    if isinstance(rng, np.random.Generator):
        return rng
    try:
        return generator(whole(rng, "a run's rng"))
    except RequestError:
        raise ConfigError(
            f"a run's rng is {shown(rng)}; it must be a seed or a Generator of NumPy."
        ) from None


def _folder(path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(f"a run's checkpoints is {shown(path)}; it must be a path.")
    folder = Path(cast(str, path))
    for part in (folder, *folder.parents):
        if part.is_file():
            raise ConfigError(
                f"a run's checkpoints are to be in {folder}, and {part} is a file. "
                "Name a folder."
            )
    return folder


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
        ends = f"loss {self.loss[0]:.4f} to {self.loss[-1]:.4f}"
        text, best = f"{len(self.loss)} epochs, {ends}", self.best_epoch
        if np.isnan(self.metric).all():
            return text
        return f"{text}; kept epoch {best + 1}, validation {self.metric[best]:.4f}"

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
