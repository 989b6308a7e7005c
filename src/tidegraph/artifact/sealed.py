"""Fitted models and graphs on disk: arrays, tables and a sealed manifest.

A folder holds a manifest in JSON, ``arrays.safetensors`` and Arrow tables: no code, and
never pickle, so nothing that is opened can run. It is written aside and exchanged for
what was there: a reader sees the old value or the new one, and one that is open stays
as it was.

Opening maps the arrays into memory: it takes milliseconds whatever their size, and
processes that open one folder share their memory. Tables are read. The manifest carries
the size and SHA-256 of every file and of itself. Sizes, the manifest and the tables are
always checked, arrays up to 64 MiB as well, larger ones on request: a changed byte
that nobody checked may make a wrong answer.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
import polars as pl

from tidegraph.artifact.manifest import (
    ARRAYS,
    FORMAT,
    MANIFEST,
    MODEL,
    Kind,
    check_files,
    read_manifest,
    seal_of,
    sha256,
    stamp,
)
from tidegraph.artifact.tensors import open_arrays, write_arrays
from tidegraph.artifact.writing import check_writable, refuse_other, replaced_folder
from tidegraph.config import name_your_class
from tidegraph.errors import (
    ArtifactError,
    ConfigError,
    MissingExtraError,
    TidegraphError,
    type_of,
    with_article,
)

_TRIES = 20

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
        kinds: Classes of one's own, by name; set by ``load``. ``config.build`` takes
            them, where a setting is a configuration.
    """

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict[str, pl.DataFrame])
    parts: Mapping[str, "State"] = field(default_factory=dict[str, "State"])
    revive: "Callable[[State], object] | None" = None
    kinds: Mapping[str, type] = field(default_factory=dict[str, type])

    def part(self, name: str, expected: type[T]) -> T:
        """Rebuild the part ``name``; it must be of the type ``expected``."""
        if self.revive is None or name not in self.parts:
            raise ArtifactError(f"a saved {self.kind} has no part {name!r}.")
        part = replace(self.parts[name], revive=self.revive, kinds=self.kinds)
        value = self.revive(part)
        if not isinstance(value, expected):
            raise ArtifactError(
                f"part {name!r} of a saved {self.kind} is {type_of(value)}, "
                f"not {with_article(expected.__name__)}."
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


def save(value: Storable, folder: str | os.PathLike[str], kind: Kind = MODEL) -> None:
    """Write a value to a folder, all of it or nothing.

    Args:
        value: What to save.
        folder: Where; one of its kind that is there is replaced, anything else is left
            alone.
        kind: What it is.

    Raises:
        ArtifactError: The place holds something else, or cannot be written; or a
            setting of the value is none that a file can hold.
    """
    with replaced_folder(folder, kind.manifest, kind.what) as aside:
        try:
            state = value.state()
        except ConfigError as error:
            raise ArtifactError(f"{folder} cannot be written: {error}") from error
        _write_sealed(state, aside, kind)


def load(
    folder: str | os.PathLike[str],
    classes: Mapping[str, Rebuilds],
    kind: Kind = MODEL,
    *,
    part: str | None = None,
    verify: bool | None = None,
    kinds: Iterable[type] = (),
) -> object:
    """Open what ``save`` wrote.

    Args:
        folder: A folder written by ``save``.
        classes: Class name to class, for every kind that may occur.
        kind: What it is.
        part: What of it is wanted; all of it if left out.
        verify: Compare the arrays with their checksum; small ones only if left out.
        kinds: Further classes, of one's own: fitted values, and configurations that are
            settings of values.

    Raises:
        ArtifactError: The folder is missing, incomplete, changed, of another version,
            or names a class that is in neither.
    """
    root, own = Path(folder), {one.__name__: one for one in kinds}
    for _ in range(_TRIES):
        seen = stamp(root / kind.manifest)
        try:
            value = _open_sealed(root, classes, kind, part, verify, own)
        except ArtifactError:
            if stamp(root / kind.manifest) == seen:
                raise
            continue
        if stamp(root / kind.manifest) == seen:
            return value
        # Saved over meanwhile, so that its files may be of two values.
    raise ArtifactError(
        f"{root} was saved over {_TRIES} times while it was opened. Save it less often."
    )


def _open_sealed(
    root: Path,
    classes: Mapping[str, Rebuilds],
    kind: Kind,
    part: str | None,
    verify: bool | None,
    own: Mapping[str, type],
) -> object:
    manifest = read_manifest(root, kind)

    def revive(state: State) -> object:
        found = own.get(state.kind) or classes.get(state.kind)
        if found is None:
            raise ArtifactError(
                f"{root} holds a {state.kind!r}, which is none of tidegraph's. "
                f"{name_your_class(state.kind)}"
            )
        if not isinstance(found, Rebuilds):
            raise ArtifactError(
                f"{root} holds a {state.kind!r}, whose class has no from_state(state) "
                "to rebuild it by."
            )
        return found.from_state(state)

    try:
        check_files(root, manifest["files"], verify)
        arrays = open_arrays(root / ARRAYS)
        tables = {
            name: pl.read_ipc(root / file) for name, file in manifest["tables"].items()
        }
        state = _unflatten_state(manifest["value"], arrays, tables, "")
        state = replace(state, revive=revive, kinds=own)
        return revive(state) if part is None else state.part(part, object)
    except (ArtifactError, MissingExtraError):
        raise
    except (OSError, pl.exceptions.PolarsError, TidegraphError) as error:
        said = str(error).rstrip(".")
        raise ArtifactError(f"{root} cannot be read: {said}.") from error
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"{root} does not hold {kind.what} that is complete: {error}. "
            "Save it again."
        ) from error


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Find out before long work whether a model can be saved to a folder.

    Raises:
        ArtifactError: It cannot; nothing was changed.
    """
    refuse_other(Path(folder), MANIFEST, "a saved model")
    check_writable(folder)


def _write_sealed(state: State, folder: Path, kind: Kind) -> None:
    arrays: dict[str, np.ndarray] = {}
    tables: dict[str, pl.DataFrame] = {}
    tree = _flatten_state(state, "", arrays, tables)
    write_arrays(arrays, folder / ARRAYS)
    names: dict[str, str] = {}
    for number, (name, table) in enumerate(tables.items()):
        names[name] = f"table{number}.arrow"
        # In one piece, which numbers are looked up in without a copy.
        table.write_ipc(
            folder / names[name],
            compression="uncompressed",
            record_batch_size=max(1, table.height),
        )
    files = [ARRAYS, *names.values()]
    for file in files:
        with open(folder / file, "rb") as written:
            os.fsync(written.fileno())
    body: dict[str, Any] = {
        "format": FORMAT,
        "files": {
            file: [(folder / file).stat().st_size, sha256(folder / file)]
            for file in files
        },
        "tables": names,
        "value": tree,
    }
    body["seal"] = seal_of(body)
    with open(folder / kind.manifest, "w", encoding="utf-8") as out:
        json.dump(body, out, indent=1)
        out.flush()
        os.fsync(out.fileno())


def _flatten_state(
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
            name: _flatten_state(part, f"{prefix}{name}/", arrays, tables)
            for name, part in state.parts.items()
        },
    }


def _unflatten_state(
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
            name: _unflatten_state(part, arrays, tables, f"{prefix}{name}/")
            for name, part in tree["parts"].items()
        },
    )
