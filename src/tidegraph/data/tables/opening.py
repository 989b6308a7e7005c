"""Tables from files and frames, a batch at a time and only the columns asked for.

What a file is shows in its first bytes, not in the ending of its name.
"""

import codecs
import os
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar, cast

import polars as pl

from tidegraph.data.invisible import INVISIBLE
from tidegraph.data.tables.frames import frame_table, lazy_batches
from tidegraph.data.tables.json_files import json_table
from tidegraph.data.tables.many_files import concatenated_table, files_of
from tidegraph.data.tables.table import Table
from tidegraph.data.tables.values import stacked, without_objects
from tidegraph.data.text.columns import typed
from tidegraph.data.text.csv_files import csv_table
from tidegraph.data.text.dialect import Dialect, FileForm, OtherFormError, TextForm
from tidegraph.data.text.encodings import encoding_of
from tidegraph.data.text.packed import head
from tidegraph.data.text.sniff import sniff
from tidegraph.errors import DataError

T = TypeVar("T")
HEAD = 1 << 18
"""Bytes in which the form of a file shows."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_PARQUET = b"PAR1"
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "Unpack it or save CSV."),
    (b"ARROW1", "an Arrow file", "Read it with polars and pass the frame."),
    (b"\xd0\xcf\x11\xe0", "an old workbook", "Save it as CSV."),
    (b"SQLite format 3\0", "an SQLite database", "Use read_sql()."),
    (b"\x89HDF", "an HDF5 file", "Read it with pandas and pass the frame."),
    (b"\x93NUMPY", "an array of NumPy", "Pass its columns as a mapping."),
    (b"%PDF", "a PDF", "Save its table as CSV."),
    (b"version https://git-lfs", "a pointer of Git LFS", "Run: git lfs pull."),
    (b"<!DOCTYPE", "a web page", "Download the file that it links to."),
    (b"<!doctype", "a web page", "Download the file that it links to."),
    (b"<html", "a web page", "Download the file that it links to."),
    (b"<?xml", "XML", "Save it as CSV."),
)
_JSON = (
    (re.compile(r"\s*\{\s*([\"}]|$)"), FileForm.JSON_LINES),
    (re.compile(r"\s*\{\s*'"), FileForm.LITERALS),
    (re.compile(r"\s*\[\s*([\[{\]]|$)"), FileForm.JSON_ARRAY),
)


def from_table(
    source: object,
    use: Callable[[Table], T],
    form: TextForm | None = None,
    wanted: Collection[str] | None = None,
) -> T:
    """Return what ``use`` makes of a table.

    It is called again from the start where a later part of a file shows that the file
    is written in another way than its first bytes say.

    Args:
        source: A path of a file, of a folder of its parts, or a pattern of these; a
            frame, an Arrow table or a mapping of columns.
        use: Reads the table.
        form: What is said of a text file.
        wanted: Columns that the table is expected to have; any if left out.

    Raises:
        DataError: The source is not a table that we read.
    """
    form = form or TextForm()
    doubt: DataError | None = None
    while True:
        try:
            return use(open_table(source, form, wanted))
        except OtherFormError as other:
            form = other.form
            doubt = other.reason if form.quoted is False else doubt
        except DataError as error:
            # Quotes as text did not help, so the first reading names the fault.
            raise doubt or error from error


def open_table(
    source: object,
    form: TextForm | None = None,
    wanted: Collection[str] | None = None,
) -> Table:
    """Return a path or a frame as a table; see ``from_table``, which reads it too."""
    if not isinstance(source, str | os.PathLike):
        return frame_table(source)
    path = _checked_path(os.fsdecode(cast("str | os.PathLike[str]", source)))
    names, form = None if wanted is None else frozenset(wanted), form or TextForm()
    files = files_of(path)
    if files is None:
        return _file_table(path, form, names)
    name = path.name if path.is_dir() else str(path)
    return concatenated_table(name, [_file_table(file, form, names) for file in files])


def _checked_path(text: str) -> Path:
    """Return where a file lies.

    Raises:
        DataError: It is the address of something elsewhere, or can be no path.
    """
    if _ADDRESS.match(text):
        raise DataError(
            f"{text} is an address, and files are read from a disk. Download it, or "
            "read it with polars and pass the frame."
        )
    if not text or "\0" in text:
        raise DataError(f"{text!r} is no path of a file. Name one.")
    return Path(text)


def read_whole(
    source: object, ids: Collection[str] = (), *, empty: bool = False
) -> pl.DataFrame:
    """Return a small table whole, finding column types from every row.

    Columns without a name are left out.

    Args:
        source: A path or a frame.
        ids: Columns of ids, which are left as they come.
        empty: Whether a table without a row is one; its columns have no type.

    Raises:
        DataError: The source is no table, or has no row.
    """

    def whole(table: Table) -> pl.DataFrame:
        names = named_columns(table.columns)
        parts = list(table.batches(names))
        if not parts and empty:
            return pl.DataFrame(schema=dict.fromkeys(names, pl.Null))
        if not parts:
            raise DataError(f"{table.name} has no row. Give one row per id.")
        columns = (stacked([part[name] for part in parts]) for name in names)
        frame = without_objects(pl.DataFrame(columns), ids, as_text=table.is_text)
        return typed(frame, ids) if table.is_text else frame

    return from_table(source, whole)


def named_columns(columns: Sequence[str]) -> list[str]:
    """Return the columns that have a name; pandas writes row numbers without one."""
    return [column for column in columns if column.strip(INVISIBLE)]


def dialect_of(
    source: object,
    form: TextForm | None = None,
    wanted: Collection[str] | None = None,
) -> Dialect | FileForm | None:
    """Return how a file is written, by all of its rows; none for what is no file.

    Its text is one short line, such as ``comma-separated, header, UTF-8``.

    Args:
        source: A path, or anything else that ``read`` takes.
        form: What is said of a text file.
        wanted: Columns that it is expected to have.
    """

    def form_of(table: Table) -> Dialect | FileForm | None:
        if isinstance(table.form, Dialect):
            once = [c for c in table.columns if table.columns.count(c) == 1]
            for _ in table.batches(once[:1]):
                pass
        return table.form

    return from_table(source, form_of, form, wanted)


def _file_table(path: Path, form: TextForm, wanted: frozenset[str] | None) -> Table:
    first = head(path, HEAD)
    if first.startswith(_PARQUET):
        return _parquet_table(path)
    for magic, kind, mend in _FOREIGN:
        if first.startswith(magic):
            raise DataError(f"{path.name} is not text but {kind}. {mend}")
    encoding = form.encoding or encoding_of(first, path.name)
    text = _decode_head(first, encoding, path.name)
    for pattern, kind in _JSON:
        if form.sep is None and pattern.match(text):
            return json_table(path, path.name, encoding, form, kind, wanted)
    sniffed = sniff(
        text.encode("utf-8", "surrogatepass"),
        path.name,
        encoding,
        form,
        wanted or (),
        whole=len(first) < HEAD,
    )
    return csv_table(path, path.name, form, sniffed)


def _decode_head(first: bytes, encoding: str, name: str) -> str:
    """Return the first bytes as text, without a mark or a character cut in two."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(first)
    except UnicodeDecodeError as error:
        line = first[: error.start].count(b"\n") + 1
        raise DataError(
            f"{name}, line {line}: byte 0x{first[error.start]:02x} is not {encoding} "
            f"({error.reason}). Mend the line, or say the encoding of the file."
        ) from error
    return text.removeprefix("\ufeff")


def _parquet_table(path: Path) -> Table:
    columns, batches = lazy_batches(pl.scan_parquet(path), path.name)
    return Table(path.name, columns, False, batches, FileForm.PARQUET)
