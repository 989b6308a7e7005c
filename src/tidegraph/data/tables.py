"""Tables from files and frames, a batch at a time and only the columns asked for.

A file is told by its content, not by its ending: Parquet, JSON, or delimited text.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import cast

import polars as pl

from tidegraph.data.columns import typed
from tidegraph.data.csv_files import csv_table, dialect_of_text
from tidegraph.data.dialect import TextForm
from tidegraph.data.frames import frame_table
from tidegraph.data.json_files import json_table
from tidegraph.data.streams import encoding_of, head_of
from tidegraph.data.table import BATCH_ROWS, Table
from tidegraph.errors import DataError

_PARQUET = b"PAR1"
_AS_FOUND = TextForm()


def open_table(source: object, form: TextForm = _AS_FOUND) -> Table:
    """Return a path or a frame as a table.

    Args:
        source: What to read.
        form: What the caller says of a text file.

    Raises:
        DataError: The source is not a table that we read.
    """
    if not isinstance(source, str | os.PathLike):
        return frame_table(source)
    path = Path(cast("str | os.PathLike[str]", source))
    head = head_of(path)
    if head.startswith(_PARQUET):
        return _parquet_table(path)
    if form == TextForm(encoding=form.encoding) and _is_json(path, head, form):
        return json_table(path, form.encoding)
    return csv_table(path, form)


def dialect_of(source: object, form: TextForm = _AS_FOUND) -> str:
    """Return in one line how a source is written, such as ``comma-separated, UTF-8``.

    Raises:
        DataError: The source is not a table that we read.
    """
    if not isinstance(source, str | os.PathLike):
        return "a frame"
    path = Path(cast("str | os.PathLike[str]", source))
    head = head_of(path)
    if head.startswith(_PARQUET):
        return "Parquet"
    if form == TextForm(encoding=form.encoding) and _is_json(path, head, form):
        return "JSON"
    return str(dialect_of_text(path, form))


def read_whole(source: object, text: Collection[str] = ()) -> pl.DataFrame:
    """Return a small table whole, finding column types from every row.

    Args:
        source: A path or a frame.
        text: Columns to leave as text where the file is text.
    """
    table = open_table(source)
    parts = list(table.batches(table.columns))
    if not parts:
        raise DataError(f"{table.name} has no row. Give one row per id.")
    whole = pl.concat(parts, how="vertical_relaxed")
    return typed(whole, text) if table.is_text else whole


def _is_json(path: Path, head: bytes, form: TextForm) -> bool:
    encoding = encoding_of(path, form.encoding)
    text = head.decode(encoding, "ignore").lstrip()
    if text.startswith("["):
        text = text[1:].lstrip()
    return text.startswith("{") and text[1:].lstrip()[:1] in ("", '"', "'", "}")


def _parquet_table(path: Path) -> Table:
    try:
        columns = tuple(pl.scan_parquet(path).collect_schema())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, error) from error

    def batches(asked: Sequence[str]) -> Iterator[pl.DataFrame]:
        try:
            frame = pl.scan_parquet(path).select(asked)
            yield from frame.collect_batches(chunk_size=BATCH_ROWS, lazy=True)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _unreadable(path, error) from error

    return Table(path.name, columns, False, batches)


def _unreadable(path: Path, error: Exception) -> DataError:
    line = str(error).strip().split("\n")[0]
    return DataError(f"{path.name} cannot be read: {line}. Write it again.")
