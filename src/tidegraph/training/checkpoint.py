"""A training on disk after each epoch, from which it goes on bit for bit.

Every checkpoint has a folder of its own, written aside and renamed; the one before goes
only when it stands. So whatever is killed when, the newest whole one can be read.
"""

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import numpy as np

from tidegraph.artifact.sealed import State, load, save
from tidegraph.errors import ArtifactError, ConfigError
from tidegraph.run import Curve
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
    said = _stable_text((settings, sorted(shapes.items()), seed))
    return hashlib.sha256(said.encode()).hexdigest()


def fingerprint(parts: Iterable[object]) -> str:
    """Return what tells arrays and settings from others, the same in every process.

    Args:
        parts: Arrays, text, numbers, lists, sets and mappings of these, and objects
            that hold such; of a value without attributes only its class counts.
    """
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            array = np.ascontiguousarray(cast(Any, part))
            total.update(f"{array.dtype.str}{array.shape}".encode())
            total.update(array.data)
        else:
            total.update(_stable_text(part).encode())
        total.update(b"\0")
    return total.hexdigest()


def _stable_text(value: Any, around: tuple[int, ...] = ()) -> str:
    """Return a value as text without anything that changes from process to process.

    Args:
        value: What is spelt.
        around: Which objects hold it: one of them is not spelt again.
    """
    if isinstance(value, np.generic):
        return _stable_text(value.item(), around)
    if value is None or isinstance(value, str | bytes | int | float | complex | Path):
        return repr(value)
    if isinstance(value, np.ndarray):
        array = cast(Any, value)
        objects = array.dtype.hasobject
        return _stable_text(array.tolist(), around) if objects else fingerprint([array])
    if isinstance(value, type | FunctionType):
        return cast(Any, value).__qualname__
    name: str = cast(Any, type(value)).__qualname__
    if id(value) in around:
        return name
    around = (*around, id(value))
    if isinstance(value, list | tuple):
        parts = [_stable_text(part, around) for part in cast(Iterable[Any], value)]
        return f"({', '.join(parts)})"
    if isinstance(value, set | frozenset):
        parts = sorted(
            _stable_text(part, around) for part in cast(Iterable[Any], value)
        )
        return f"{name}({', '.join(parts)})"
    mapping = isinstance(value, Mapping)
    held = cast(Mapping[Any, Any], value) if mapping else _given_attributes(value)
    parts = [f"{key}: {_stable_text(part, around)}" for key, part in held.items()]
    return f"{{{', '.join(parts)}}}"


def _given_attributes(value: Any) -> dict[str, Any]:
    """Return its type and what an object was given, without what it made of that."""
    kind = cast(Any, type(value))
    if is_dataclass(value):
        given = {part.name: getattr(value, part.name) for part in fields(value)}
    else:
        given = {
            name: part
            for name, part in getattr(value, "__dict__", {}).items()
            if not isinstance(getattr(kind, name, None), cached_property)
        }
    return {**given, "type": kind}


def _json_values(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _json_values(part) for key, part in cast(Any, value).items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
