"""Graphs on disk: plain arrays that are mapped into memory, and a sealed manifest.

A folder holds ``graph.json``, an Arrow file per table and a raw little-endian file per
array. Opening reads the manifest and the bounds of the rows, so it takes milliseconds
whatever the size; the rest is read as it is touched. Every file has a checksum. Small
graphs are checked whole as they are opened, large ones on request; what is not checked
can at worst answer wrongly, never read outside its arrays.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import polars as pl

from tidegraph.data.lookup import Lookup
from tidegraph.data.vocabulary import Vocabulary
from tidegraph.errors import ArtifactError, TidegraphError
from tidegraph.graph.bounds import Bounds
from tidegraph.graph.edges import Edges, Origin
from tidegraph.graph.growing import Column, Table
from tidegraph.graph.neighbors import NO_WEIGHT, Neighbors
from tidegraph.graph.snapshot import Nodes, Snapshot
from tidegraph.progress import track
from tidegraph.writing import replaced_folder

FORMAT = 2
MANIFEST = "graph.json"
CHECKED_BYTES = 1 << 26
"""Graphs up to this size are checked whole as they are opened."""
_BLOCK = 1 << 22
_KINDS = ("int32", "int64", "float32")


def save(graph: Snapshot, folder: str | os.PathLike[str]) -> None:
    """Write a graph to a folder, all of it or nothing.

    Raises:
        ArtifactError: The place holds something else, or cannot be written.
    """
    with replaced_folder(folder, MANIFEST, "a saved graph") as aside:
        writer = _Writer(aside)
        body: dict[str, Any] = {
            "format": FORMAT,
            "nodes": {
                name: {
                    "key": nodes.key,
                    "ids": writer.table(nodes.ids.ids.alias("id").to_frame()),
                    "features": writer.table(nodes.ids.features),
                }
                for name, nodes in graph.nodes.items()
            },
            "edges": {
                name: _edges_out(edges.compacted(), writer)
                for name, edges in graph.edges.items()
            },
        }
        body["files"] = writer.files
        body["seal"] = _seal(body)
        with open(aside / MANIFEST, "w", encoding="utf-8") as out:
            json.dump(body, out, indent=1)
            out.flush()
            os.fsync(out.fileno())


def load(folder: str | os.PathLike[str], *, verify: bool | None = None) -> Snapshot:
    """Open what ``save`` wrote.

    Args:
        folder: Where it is.
        verify: Compare every byte with its checksum; small graphs only if left out.

    Raises:
        ArtifactError: The folder is missing, incomplete, changed, or of another
            version.
    """
    root = Path(folder)
    body = _manifest(root)
    try:
        return _read(root, body, verify)
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise ArtifactError(
            f"{root} does not hold a complete graph: {error}. Save it again."
        ) from error
    except (
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
        TidegraphError,
    ) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"{root} cannot be read: {error}") from error


class _Writer:
    """Writes arrays and tables, and notes their sizes and checksums."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, tuple[int, int]] = {}

    def array(self, values: np.ndarray) -> dict[str, str]:
        name = f"{len(self.files)}.bin"
        kind = values.dtype.newbyteorder("<")
        np.ascontiguousarray(values, kind).tofile(self.folder / name)
        self._note(name)
        return {"file": name, "kind": values.dtype.name}

    def table(self, table: pl.DataFrame) -> str | None:
        if not table.width:
            return None
        name = f"{len(self.files)}.arrow"
        table.write_ipc(self.folder / name, compression="uncompressed")
        self._note(name)
        return name

    def _note(self, name: str) -> None:
        path = self.folder / name
        with open(path, "rb") as written:
            os.fsync(written.fileno())
        self.files[name] = (path.stat().st_size, _checksum(path))


def _edges_out(edges: Edges, writer: _Writer) -> dict[str, Any]:
    return {
        "source": edges.source,
        "target": edges.target,
        "time": edges.time,
        "weight": edges.weight,
        "latest": edges.latest,
        "origin": asdict(edges.origin),
        "features": writer.table(edges.features),
        "strength": writer.array(edges.out.weight) if len(edges.out.weight) else None,
        "out": _side_out(edges.out, writer),
        "back": _side_out(edges.back, writer),
    }


def _side_out(side: Neighbors, writer: _Writer) -> dict[str, Any]:
    ptr = np.concatenate([[0], side.stop]).astype(np.int64)
    return {
        "base": side.base,
        "timed": side.is_timed,
        "ptr": writer.array(ptr),
        "node": writer.array(side.node),
        "time": writer.array(side.time),
        "edge": writer.array(side.edge),
    }


def _read(root: Path, body: dict[str, Any], verify: bool | None) -> Snapshot:
    files: dict[str, Any] = body["files"]
    for name, (size, _) in files.items():
        if Path(name).name != name or (root / name).stat().st_size != size:
            raise ArtifactError(
                f"{root / name} was cut short or changed after it was saved. "
                "Restore the folder from a copy, or save the graph again."
            )
    small = sum(size for size, _ in files.values()) <= CHECKED_BYTES
    if verify or (verify is None and small):
        for name in track(files, "checking the graph"):
            if _checksum(root / name) != files[name][1]:
                raise ArtifactError(
                    f"{root / name} was changed after it was saved. Restore the "
                    "folder from a copy, or save the graph again."
                )
    nodes = {
        name: Nodes(_nodes_in(root, held), held["key"])
        for name, held in body["nodes"].items()
    }
    sizes = {name: len(held) for name, held in nodes.items()}
    edges = {name: _edges_in(root, held, sizes) for name, held in body["edges"].items()}
    return Snapshot(nodes, edges)


def _nodes_in(root: Path, held: dict[str, Any]) -> Vocabulary:
    ids = _table(root, held["ids"])["id"]
    features = _table(root, held["features"])
    if not isinstance(ids.dtype, pl.Int64 | pl.String):
        # Saved when ids kept the width that they came in.
        return Vocabulary(ids, features)
    # They were all different when they were saved; to look again takes O(ids).
    return Vocabulary(ids, features, Lookup(ids))


def _edges_in(root: Path, held: dict[str, Any], sizes: dict[str, int]) -> Edges:
    weight = NO_WEIGHT
    if held["strength"] is not None:
        weight = _array(root, held["strength"])
    features = _table(root, held["features"])
    sides = [
        _side_in(root, held[way], weight, sizes[held[end]])
        for way, end in (("out", "source"), ("back", "target"))
    ]
    count = len(sides[0].node)
    tall = features.height if features.width else count
    if len(sides[1].node) != count or tall != count or len(weight) not in (0, count):
        raise ArtifactError(f"{root}: the two directions of an edge differ in length.")
    return Edges(
        held["source"],
        held["target"],
        sides[0],
        sides[1],
        held["time"],
        held["weight"],
        Table(features),
        Column(weight) if held["weight"] is not None else None,
        Origin(**held["origin"]),
        count,
        count,
        int(held["latest"]),
    )


def _side_in(
    root: Path, held: dict[str, Any], weight: np.ndarray, nodes: int
) -> Neighbors:
    ptr, node = _array(root, held["ptr"]), _array(root, held["node"])
    time, edge = _array(root, held["time"]), _array(root, held["edge"])
    whole = (
        len(ptr) in range(1, nodes + 2)
        and ptr[0] == 0
        and ptr[-1] == len(node) == len(edge)
        and len(time) == (len(node) if held["timed"] else 0)
        and not bool((ptr[1:] < ptr[:-1]).any())
        and ptr.dtype == np.int64
        and node.dtype == np.int32
    )
    if not whole:
        raise ArtifactError(
            f"{root}: the rows of a graph do not fit together. Save it again."
        )
    timed, base = bool(held["timed"]), int(held["base"])
    bounds = Bounds.of(ptr[:-1], ptr[1:])
    return Neighbors(bounds, node, time, base, edge, weight, timed, None, 0)


def _array(root: Path, held: dict[str, str]) -> np.ndarray:
    if held["kind"] not in _KINDS:
        raise ArtifactError(f"{root} holds numbers of the kind {held['kind']!r}.")
    kind, path = np.dtype(held["kind"]).newbyteorder("<"), root / held["file"]
    if path.stat().st_size == 0:
        return np.zeros(0, held["kind"])
    # Private pages: as writable as an array in memory, and the file never changes.
    mapped = np.memmap(path, kind, mode="c")
    return mapped.view(np.ndarray)


def _table(root: Path, name: str | None) -> pl.DataFrame:
    return pl.DataFrame() if name is None else pl.read_ipc(root / name)


def _manifest(root: Path) -> dict[str, Any]:
    path = root / MANIFEST
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        version, intact = body["format"], body["seal"] == _seal(body)
    except FileNotFoundError as error:
        raise ArtifactError(
            f"{root} is not a saved graph: it has no {MANIFEST}."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}.") from error
    if version != FORMAT:
        raise ArtifactError(
            f"{root} was saved in format {version}, and this version reads format "
            f"{FORMAT}. Build the graph again."
        )
    if not intact:
        raise ArtifactError(
            f"{path} was changed after it was saved. Restore it from a copy."
        )
    return body


def _seal(body: dict[str, Any]) -> int:
    plain = {key: value for key, value in body.items() if key != "seal"}
    return crc32(json.dumps(plain, sort_keys=True).encode())


def _checksum(path: Path) -> int:
    found = 0
    for block in _blocks(path):
        found = crc32(block, found)
    return found


def _blocks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            yield block
