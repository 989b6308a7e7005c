"""Delimited text of any dialect as a table.

Each piece of the file is rewritten in one plain form that holds the asked columns only,
which polars then parses; so no dialect and no column that was not asked for can lose,
merge or shift a row.
"""

import io
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl

from tidegraph.data.dialect import HEAD, Dialect, TextForm, sniff
from tidegraph.data.records import GROWTH, Found, Part, Reading, rewrite
from tidegraph.data.streams import PIECE, encoding_of, text_pieces
from tidegraph.data.table import Table
from tidegraph.errors import DataError

_FAULTS = {
    Found.OPEN: "a field begins with a quote that is never closed. Close it, or double "
    "each quote within the field",
    Found.TORN: "a quoted field of several lines is followed by text. Close its quote "
    "before the separator, or double each quote within it",
    Found.COMMENT: "a line begins like a comment and has as many fields as a row. "
    "Remove it, or put its first field in quotes",
    Found.LITERAL: "a field is in quotes, and quotes are no marks in this file. Write "
    "it with one separator, such as a comma",
}


def dialect_of_text(path: Path, form: TextForm) -> Dialect:
    """Return how a text file is written.

    Raises:
        DataError: It is no text, holds no record, or what is said does not fit.
    """
    encoding = encoding_of(path, form.encoding)
    head = b""
    for piece in text_pieces(path, encoding, HEAD):
        head += piece
        if len(head) >= HEAD:
            break
    # A record that is longer than the head is still a record.
    return sniff(head[:HEAD] if len(head) > HEAD else head, path.name, form, encoding)


def csv_table(path: Path, form: TextForm, piece: int = PIECE) -> Table:
    """Return delimited text as a table; see ``Table``.

    Args:
        path: The file, perhaps packed.
        form: What the caller says of it.
        piece: Bytes read at a time.
    """
    dialect = dialect_of_text(path, form)

    def batches(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        for column in columns:
            if dialect.columns.count(column) > 1:
                raise DataError(
                    f"{path.name} has two columns {column!r}. Rename or drop one."
                )
        wanted = [dialect.columns.index(column) for column in columns]
        yield from _Rows(path, dialect, columns, wanted).batches(piece)

    return Table(path.name, dialect.columns, True, batches, _hint(dialect))


def _hint(dialect: Dialect) -> str:
    """Return what to say where a column is not found."""
    if dialect.named_by_numbers:
        return (
            " Its first row was read as column names; if it is data, pass "
            "header=False, and name columns by their place, or pass names=."
        )
    return ""


class _Rows:
    """Reads the asked columns of one file."""

    def __init__(
        self, path: Path, dialect: Dialect, columns: Sequence[str], wanted: list[int]
    ) -> None:
        self._path, self._dialect, self._columns = path, dialect, list(columns)
        self._wanted = np.array(wanted, np.int64)
        self._rows, self._lines = 0, dialect.rows_above
        self._room = np.empty(0, np.uint8)

    def batches(self, piece: int) -> Iterator[pl.DataFrame]:
        """Yield the rows of each piece of the file."""
        rest, skip = b"", self._dialect.begins
        pieces = text_pieces(self._path, self._dialect.encoding, piece)
        for data in chain(pieces, (None,)):
            if data is None:
                part, whole = rest, True
            else:
                cut = min(skip, len(data))
                skip -= cut
                part, whole = rest + data[cut:], False
            if part:
                frame, used = self._rewritten(part, whole)
                rest = part[used:]
                if len(frame):
                    yield frame

    def _rewritten(self, data: bytes, final: bool) -> tuple[pl.DataFrame, int]:
        reading = self._dialect.reading
        if len(self._room) < GROWTH * len(data) + 64:
            self._room = np.empty(GROWTH * len(data) + 64, np.uint8)
        part = rewrite(
            data, reading, self._wanted, self._dialect.width, self._room, final=final
        )
        if part.found not in (Found.DONE, Found.MORE):
            raise self._fault(part)
        self._rows += part.rows
        self._lines += part.lines
        return self._frame(part, reading), part.used

    def _frame(self, part: Part, reading: Reading) -> pl.DataFrame:
        schema = dict.fromkeys(self._columns, pl.String)
        if not part.rows:
            return pl.DataFrame(schema=schema)
        frame = pl.read_csv(
            io.BytesIO(self._room[: part.written].tobytes()),
            has_header=False,
            schema=schema,
            separator=chr(reading.written),
        )
        if len(frame) != part.rows:
            raise DataError(
                f"{self._path.name} cannot be read: {part.rows} rows were found and "
                f"{len(frame)} parsed, before row {self._rows}. Please report the file."
            )
        return frame

    def _fault(self, part: Part) -> DataError:
        row, line = self._rows + part.rows + 1, self._lines + part.lines + 1
        place = f"{self._path.name}, row {row}"
        if line != row + self._dialect.rows_above:
            place += f" (line {line})"
        if part.found == Found.RAGGED:
            return DataError(
                f"{place}: there are {part.fields} fields, and the header has "
                f"{self._dialect.width}. Put a field that holds a separator in quotes, "
                "or name the separator with sep=."
            )
        return DataError(f"{place}: {_FAULTS[part.found]}.")
