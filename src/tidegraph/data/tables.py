"""Tables from files and frames, a batch at a time and only the columns asked for.

CSV (also separated by tabs, semicolons or bars) and JSON lines may be gzipped; Parquet
brings its own compression.
"""

import csv
import gzip
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import polars as pl

from tidegraph.data.columns import typed
from tidegraph.data.frames import frame_table
from tidegraph.data.table import BATCH_ROWS, Table
from tidegraph.errors import DataError

MAX_EXPANSION = 100
"""A gzipped table may not grow by more than this factor ..."""
ALWAYS_ALLOWED = 64 * 2**20
"""... unless it stays below this many bytes."""

_GZIP, _PARQUET, _ZIP, _ZSTD = b"\x1f\x8b", b"PAR1", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"
_CSV, _JSON = (".csv", ".tsv", ".tab", ".txt"), (".jsonl", ".ndjson")
_KNOWN = f"{', '.join((*_CSV, '.parquet', '.pq', *_JSON))}; text may end in .gz too"


@contextmanager
def open_table(source: object) -> Generator[Table, None, None]:
    """Open a path or a frame as a table; temporary files are gone afterwards.

    Raises:
        DataError: The source is not a table that we read.
    """
    if not isinstance(source, str | os.PathLike):
        yield frame_table(source)
        return
    path = Path(cast("str | os.PathLike[str]", source))
    head = _head(path)
    packed = path.suffix.lower() == ".gz"
    suffix = Path(path.stem).suffix if packed else path.suffix
    with tempfile.TemporaryDirectory(prefix="tidegraph-") as folder:
        plain = path
        if head.startswith(_GZIP):
            plain = Path(folder) / "table"
            _expand(path, plain)
            head = _head(plain)
        yield _file_table(plain, path.name, suffix.lower(), head)


def read_whole(source: object, text: Collection[str] = ()) -> pl.DataFrame:
    """Return a small table whole, finding column types from every row.

    Args:
        source: A path or a frame.
        text: Columns to leave as text where the file is text.
    """
    with open_table(source) as table:
        parts = list(table.batches(table.columns))
        if not parts:
            raise DataError(f"{table.name} has no row. Give one row per id.")
        whole = pl.concat(parts, how="vertical_relaxed")
        return typed(whole, text) if table.is_text else whole


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise DataError(f"{path} is a folder. Name one file in it.")
    try:
        with open(path, "rb") as file:
            head = file.read(1 << 16)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}. Check the path.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}.") from error
    if not head:
        raise DataError(
            f"{path} is empty. It needs the column names and at least one row."
        )
    return head


def _expand(path: Path, target: Path) -> None:
    """Unpack to disk, giving up as soon as the result is absurdly large."""
    limit = max(ALWAYS_ALLOWED, MAX_EXPANSION * path.stat().st_size)
    written = 0
    try:
        with gzip.open(path, "rb") as packed, open(target, "wb") as out:
            while block := packed.read(1 << 20):
                written += len(block)
                if written > limit:
                    raise DataError(
                        f"{path} unpacks to more than {limit:,} bytes, which is over "
                        f"{MAX_EXPANSION} times its size. Unpack it yourself if you "
                        "trust it, and read the unpacked file."
                    )
                out.write(block)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} cannot be unpacked: {error}. Download or pack it again."
        ) from error


def _file_table(path: Path, name: str, suffix: str, head: bytes) -> Table:
    if suffix in (".parquet", ".pq"):
        with _said_plainly(name, path):
            columns = tuple(pl.scan_parquet(path).collect_schema())
        return Table(name, columns, False, _parquet_batches(path, name))
    if suffix not in _CSV + _JSON:
        raise DataError(f"{name} ends in {suffix!r}. We read {_KNOWN}.")
    _refuse_binary(name, head)
    if suffix in _JSON:
        return _json_table(path, name)
    return _csv_table(path, name, head)


def _refuse_binary(name: str, head: bytes) -> None:
    for magic, kind, mend in (
        (_PARQUET, "a Parquet file", "Rename it to end in .parquet."),
        (_ZIP, "a zip archive", "Unpack it first."),
        (_ZSTD, "Zstandard-compressed", "Unpack it first, or use gzip."),
    ):
        if head.startswith(magic):
            raise DataError(f"{name} is not text but {kind}. {mend}")
    if b"\0" in head:
        raise DataError(
            f"{name} is not text: byte {head.index(0)} is zero. "
            "Save it as UTF-8 text, or check that it is the right file."
        )


def _parquet_batches(path: Path, name: str) -> Callable[..., Iterator[pl.DataFrame]]:
    def batches(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        with _said_plainly(name, path):
            frame = pl.scan_parquet(path).select(columns)
            yield from frame.collect_batches(chunk_size=BATCH_ROWS, lazy=True)

    return batches


def _csv_table(path: Path, name: str, head: bytes) -> Table:
    first = head.split(b"\n", 1)[0].decode("utf-8", "replace")
    separator = max(",\t;|", key=first.count)
    with _said_plainly(name, path, separator):
        rows = csv.reader([first.rstrip("\r")], delimiter=separator)
        header = [column for row in rows for column in row]
        scan = pl.scan_csv(path, separator=separator, infer_schema=False)
        columns = tuple(scan.collect_schema())

    def batches(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        for column in columns:
            if header.count(column) > 1:
                raise DataError(
                    f"{name} has two columns {column!r}. Rename or drop one."
                )
        with _said_plainly(name, path, separator):
            frame = pl.scan_csv(path, separator=separator, infer_schema=False)
            yield from frame.select(columns).collect_batches(
                chunk_size=BATCH_ROWS, lazy=True
            )

    return Table(name, columns, True, batches)


def _json_table(path: Path, name: str) -> Table:
    with _said_plainly(name, path):
        columns = tuple(pl.scan_ndjson(path, infer_schema_length=1000).collect_schema())

    def batches(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        with _said_plainly(name, path):
            frame = pl.scan_ndjson(
                path,
                infer_schema_length=1000,
                schema_overrides={column: pl.String for column in columns},
            )
            yield from frame.select(columns).collect_batches(
                chunk_size=BATCH_ROWS, lazy=True
            )

    return Table(name, columns, True, batches)


@contextmanager
def _said_plainly(
    name: str, path: Path, separator: str = ""
) -> Generator[None, None, None]:
    """Turn what polars says of a broken file into a sentence with a row."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        first_line = str(error).strip().split("\n")[0]
        found = _first_odd_row(path, separator) if separator else _first_non_json(path)
        raise DataError(
            f"{name} cannot be read{found or f': {first_line}'}. Mend the file."
        ) from error


def _first_odd_row(path: Path, separator: str) -> str:
    """Say which CSV row is not like the header, or nothing."""
    with open(path, newline="", encoding="utf-8", errors="strict") as file:
        rows = csv.reader(file, delimiter=separator)
        try:
            width = len(next(rows))
            for number, row in enumerate(rows, 1):
                if len(row) > width:
                    return f": row {number} has {len(row)} fields, the header {width}"
        except UnicodeDecodeError as error:
            return f": it is not UTF-8 text ({error.reason} in it)"
        except (csv.Error, StopIteration):
            return ""
    return ""


def _first_non_json(path: Path) -> str:
    """Say which line is not JSON, or nothing."""
    if path.suffix.lower() in (".parquet", ".pq"):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                if line.strip():
                    json.loads(line)
            except json.JSONDecodeError as error:
                return f": row {number} is not JSON ({error.msg})"
    return ""
