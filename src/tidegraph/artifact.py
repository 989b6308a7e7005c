"""Fitted models on disk: arrays, tables and a JSON manifest, never pickle.

A folder holds ``manifest.json``, ``arrays.safetensors`` and Parquet tables. It is
written aside and renamed into place, so a reader sees the old model or the new one. The
manifest carries the SHA-256 of every file and of itself; a folder that was cut short or
changed is refused.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
import polars as pl
from safetensors import SafetensorError
from safetensors.numpy import (
    load_file,  # pyright: ignore[reportUnknownVariableType]
    save_file,  # pyright: ignore[reportUnknownVariableType]
)

from tidegraph.errors import ArtifactError
from tidegraph.writing import check_writable, refuse_other, replaced_folder

FORMAT = 1
MANIFEST = "manifest.json"
ARRAYS = "arrays.safetensors"

T = TypeVar("T")


@dataclass(frozen=True)
class State:
    """Everything of a value that a file must hold.

    Attributes:
        kind: Name of the class that can rebuild the value.
        settings: Small values that JSON can hold.
        arrays: Numpy arrays of numbers.
        tables: Data frames.
        parts: States of the values it is made of.
        revive: Rebuilds a part; set by ``load``.
    """

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict[str, pl.DataFrame])
    parts: Mapping[str, "State"] = field(default_factory=dict[str, "State"])
    revive: "Callable[[State], object] | None" = None

    def part(self, name: str, expected: type[T]) -> T:
        """Rebuild the part ``name``; it must be of the type ``expected``."""
        if self.revive is None or name not in self.parts:
            raise ArtifactError(f"a saved {self.kind} has no part {name!r}.")
        value = self.revive(replace(self.parts[name], revive=self.revive))
        if not isinstance(value, expected):
            raise ArtifactError(
                f"part {name!r} of a saved {self.kind} is a {type(value).__name__}, "
                f"not a {expected.__name__}."
            )
        return value


@runtime_checkable
class Storable(Protocol):
    """A value that can be saved and rebuilt."""

    def state(self) -> State:
        """Return what a file needs to hold."""
        ...


@runtime_checkable
class Rebuilds(Protocol):
    """A class whose values can be rebuilt from their state."""

    def from_state(self, state: State) -> object:
        """Rebuild from what ``state`` returned."""
        ...


def save(value: Storable, folder: str | os.PathLike[str]) -> None:
    """Write a value to a folder, all of it or nothing.

    Args:
        value: What to save.
        folder: Where; a model that is there is replaced, anything else is left alone.

    Raises:
        ArtifactError: The place holds something else, or cannot be written.
    """
    with replaced_folder(folder, MANIFEST, "a saved model") as aside:
        _write(value.state(), aside)


def load(folder: str | os.PathLike[str], classes: Mapping[str, Rebuilds]) -> object:
    """Read back what ``save`` wrote.

    Args:
        folder: A folder written by ``save``.
        classes: Class name to class, for every kind that may occur.

    Raises:
        ArtifactError: The folder is missing, incomplete, changed, of another version,
            or names a class that is not in ``classes``.
    """
    root = Path(folder)
    manifest = _read_manifest(root)
    try:
        arrays = load_file(root / ARRAYS)
        tables = {
            name: pl.read_parquet(root / file)
            for name, file in manifest["tables"].items()
        }
    except (OSError, SafetensorError, pl.exceptions.PolarsError) as error:
        raise ArtifactError(f"{root} cannot be read: {error}.") from error

    def revive(state: State) -> object:
        if state.kind not in classes:
            raise ArtifactError(
                f"{root} holds a {state.kind!r}, which this version does not know."
            )
        return classes[state.kind].from_state(state)

    state = _unflatten(manifest["value"], arrays, tables, "")
    try:
        return revive(replace(state, revive=revive))
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"{root} does not hold a complete {state.kind}: {error}. Save it again."
        ) from error


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Find out before long work whether a model can be saved to a folder.

    Raises:
        ArtifactError: It cannot; nothing was changed.
    """
    refuse_other(Path(folder), MANIFEST, "a saved model")
    check_writable(folder)


def _write(state: State, folder: Path) -> None:
    arrays: dict[str, np.ndarray] = {}
    tables: dict[str, pl.DataFrame] = {}
    tree = _flatten(state, "", arrays, tables)
    save_file(arrays, folder / ARRAYS)
    names: dict[str, str] = {}
    for number, (name, table) in enumerate(tables.items()):
        names[name] = f"table{number}.parquet"
        table.write_parquet(folder / names[name])
    files = [ARRAYS, *names.values()]
    body: dict[str, Any] = {
        "format": FORMAT,
        "files": {file: _sha256(folder / file) for file in files},
        "tables": names,
        "value": tree,
    }
    body["seal"] = _seal(body)
    with open(folder / MANIFEST, "w", encoding="utf-8") as out:
        json.dump(body, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    for file in files:
        with open(folder / file, "rb") as written:
            os.fsync(written.fileno())


def _read_manifest(root: Path) -> dict[str, Any]:
    try:
        with open(root / MANIFEST, encoding="utf-8") as file:
            manifest = json.load(file)
        version = manifest["format"]
    except FileNotFoundError as error:
        raise ArtifactError(
            f"{root} is not a saved model: it has no {MANIFEST}."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{root / MANIFEST} cannot be read: {error}.") from error
    if version != FORMAT:
        raise ArtifactError(
            f"{root} was saved in format {version}, and this version reads format "
            f"{FORMAT}. Train the model again."
        )
    try:
        intact = manifest["seal"] == _seal(manifest)
        files = dict(manifest["files"])
    except (KeyError, TypeError, ValueError):
        intact, files = False, {}
    if not intact or ARRAYS not in files:
        raise ArtifactError(
            f"{root / MANIFEST} was changed or cut short after it was saved. "
            "Restore the folder or train again."
        )
    for name, digest in files.items():
        path = root / Path(name).name
        if not path.is_file() or _sha256(path) != digest:
            raise ArtifactError(
                f"{path} is missing, or was changed or cut short after it was saved. "
                "Restore the folder or train again."
            )
    return manifest


def _seal(manifest: Mapping[str, Any]) -> str:
    body = {key: value for key, value in manifest.items() if key != "seal"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flatten(
    state: State,
    prefix: str,
    arrays: dict[str, np.ndarray],
    tables: dict[str, pl.DataFrame],
) -> dict[str, Any]:
    for name, array in state.arrays.items():
        arrays[prefix + name] = np.ascontiguousarray(array)
    for name, table in state.tables.items():
        tables[prefix + name] = table
    return {
        "kind": state.kind,
        "settings": dict(state.settings),
        "arrays": sorted(state.arrays),
        "tables": sorted(state.tables),
        "parts": {
            name: _flatten(part, f"{prefix}{name}/", arrays, tables)
            for name, part in state.parts.items()
        },
    }


def _unflatten(
    tree: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    tables: Mapping[str, pl.DataFrame],
    prefix: str,
) -> State:
    return State(
        kind=cast(str, tree["kind"]),
        settings=cast(Mapping[str, Any], tree["settings"]),
        arrays={name: arrays[prefix + name] for name in tree["arrays"]},
        tables={name: tables[prefix + name] for name in tree["tables"]},
        parts={
            name: _unflatten(part, arrays, tables, f"{prefix}{name}/")
            for name, part in tree["parts"].items()
        },
    )
