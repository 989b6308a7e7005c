"""A training on disk after each epoch, from which it goes on bit for bit.

Every checkpoint has a folder of its own, written aside and renamed; the one before goes
only when it stands. So whatever is killed when, the newest whole one can be read.
"""

import hashlib
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from tidegraph.artifact.sealed import State, load, save
from tidegraph.errors import ArtifactError, ConfigError
from tidegraph.run import Curve
from tidegraph.training.fingerprint import stable_text
from tidegraph.training.settings import Training

PREFIX = "epoch-"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Everything that the rest of a training depends on.

    Attributes:
        digest: Tells one training from another.
        data: Fingerprint of what it learns from, and of the method's settings.
        step: Steps taken.
        curve: How it went.
        rng: State of the generator.
        arrays: Weights, their best and mean, and what the optimiser remembers.
        more: What else there is to know, as JSON holds it.
    """

    digest: str
    data: str
    step: int
    curve: Curve
    rng: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def state(self) -> State:
        """Return what a file needs to hold."""
        settings = {
            "digest": self.digest,
            "data": self.data,
            "step": self.step,
            "curve": self.curve.table(),
            "rng": _json_values(self.rng),
            "more": dict(self.more),
        }
        return State("Checkpoint", settings, self.arrays)

    @classmethod
    def from_state(cls, state: State) -> "Checkpoint":
        """Rebuild from what ``state`` returned."""
        kept = state.settings
        curve = Curve.from_table(kept["curve"])
        # Training writes to the arrays, and those of a file are mapped.
        arrays = {name: np.array(array) for name, array in state.arrays.items()}
        return cls(
            kept["digest"],
            kept.get("data", ""),
            kept["step"],
            curve,
            kept["rng"],
            arrays,
            kept.get("more", {}),
        )

    def write(self, folder: Path) -> None:
        """Write it below ``folder`` and drop what it replaces."""
        mine = folder / f"{PREFIX}{len(self.curve.loss):06d}"
        save(self, mine)
        for old in folder.iterdir():
            # Half-written ones of a killed process begin with a dot.
            if old.name.lstrip(".").startswith(PREFIX) and old.name != mine.name:
                shutil.rmtree(old, ignore_errors=True)


def newest_checkpoint(folder: Path, digest: str, data: str) -> Checkpoint | None:
    """Return the last whole checkpoint of a folder, or None if it has none.

    Raises:
        ConfigError: It is of another training, or learnt from other data.
    """
    for path in sorted(folder.glob(f"{PREFIX}*"), reverse=True):
        # What a kill left half removed is not the newest; older ones are whole.
        with suppress(ArtifactError):
            found = cast(Checkpoint, load(path, {"Checkpoint": Checkpoint}))
            if found.digest != digest:
                raise ConfigError(
                    f"{folder} holds a checkpoint of another training: other settings, "
                    "another module or another seed. Choose another folder for "
                    "checkpoints, or empty it."
                )
            if found.data != data:
                raise ConfigError(
                    f"{folder} holds a checkpoint of a training on another log, or of "
                    "a method with other settings. Choose another folder for "
                    "checkpoints, or empty it."
                )
            return found
    return None


def training_digest(
    settings: Training,
    shapes: Mapping[str, tuple[int, ...]],
    rng: np.random.Generator,
) -> str:
    """Return what tells this training from one with other settings, module or seed."""
    seed = _json_values(rng.bit_generator.state)
    said = stable_text((settings, sorted(shapes.items()), seed))
    return hashlib.sha256(said.encode()).hexdigest()


def _json_values(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _json_values(part) for key, part in cast(Any, value).items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
