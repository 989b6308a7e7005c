"""The manifest of a folder: what files it must hold, and a seal of all of them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegraph.arguments.conversion import shown
from tidegraph.errors import ArtifactError
from tidegraph.progress import track

FORMAT = 3
MANIFEST = "manifest.json"
ARRAYS = "arrays.safetensors"
CHECKED_BYTES = 1 << 26
"""Arrays up to this size are checked as they are opened."""


@dataclass(frozen=True)
class Kind:
    """What a folder holds, and how it is told from others.

    Attributes:
        manifest: Name of its manifest.
        what: What it is, for messages.
        opened_by: The call that opens it.
    """

    manifest: str
    what: str
    opened_by: str


MODEL = Kind(MANIFEST, "a saved model", "tg.load")
GRAPH = Kind("graph.json", "a saved graph", "tg.Graph.open")


def stamp(manifest: Path) -> tuple[int, int, int] | None:
    """Return what tells one manifest from the next at its place; none if it is away."""
    try:
        found = manifest.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def read_manifest(root: Path, kind: Kind) -> dict[str, Any]:
    """Return what the manifest of a folder says.

    Raises:
        ArtifactError: There is none, or one that is changed or of another version.
    """
    path = root / kind.manifest
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version = manifest["format"]
    except FileNotFoundError as error:
        said = f": it has no {kind.manifest}."
        for other in (MODEL, GRAPH):
            if other != kind and (root / other.manifest).is_file():
                said = f", but {other.what}. Open it with {other.opened_by}."
        raise ArtifactError(f"{root} is not {kind.what}{said}") from error
    except NotADirectoryError as error:
        raise ArtifactError(f"{root} is not {kind.what}, but a file.") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}.") from error
    check_format(version, FORMAT, root, "Make it again")
    try:
        intact = manifest["seal"] == seal_of(manifest)
        sizes = {file: int(size) for file, (size, _) in manifest["files"].items()}
        intact &= {ARRAYS, *manifest["tables"].values()} == set(sizes)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        intact = False
    if not intact:
        raise ArtifactError(f"{path} {_CHANGED}")
    return manifest


def check_format(found: object, known: int, where: object, older: str) -> None:
    """Refuse a format that is not the one this version reads.

    Args:
        found: What a manifest says.
        known: The format that is read.
        where: What was saved, for messages.
        older: What to do about an older one; a newer one needs a newer version, and
            must not be written over.

    Raises:
        ArtifactError: It is another format, or no number of one.
    """
    if type(found) is not int or found < 1:
        raise ArtifactError(
            f"{where} says that it is of format {shown(found)}, which there never was: "
            f"it {_CHANGED}"
        )
    if found != known:
        newer = "Open it with a newer tidegraph, such as that which saved it"
        raise ArtifactError(
            f"{where} was saved in format {found}, and this version reads format "
            f"{known}. {newer if found > known else older}."
        )


def check_files(root: Path, files: Mapping[str, Any], verify: bool | None) -> None:
    """Refuse files of another length, and those whose bytes are checked and changed."""
    checked: list[str] = []
    for name, (size, _) in files.items():
        path = root / name
        if Path(name).name != name or not path.is_file() or path.stat().st_size != size:
            raise ArtifactError(f"{path} is missing, or {_CHANGED}")
        if name != ARRAYS or verify or (verify is None and size <= CHECKED_BYTES):
            checked.append(name)
    large = sum(files[name][0] for name in checked) > CHECKED_BYTES
    for name in track(checked, "checking the files") if large else checked:
        if sha256(root / name) != files[name][1]:
            raise ArtifactError(f"{root / name} {_CHANGED}")


_CHANGED = (
    "was changed or cut short after it was saved. Restore the folder or make it again."
)


def seal_of(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all that a manifest says but for its seal."""
    body = {key: value for key, value in manifest.items() if key != "seal"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def sha256(path: Path) -> str:
    """Return the SHA-256 of the bytes of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
