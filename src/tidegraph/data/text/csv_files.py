"""Delimited text of any dialect as a table.

Every record is taken apart by our own rules; what polars parses is the plain form of
it. Text that is plain already, whole lines without quotes, is only counted.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl

from tidegraph.data.tables.table import Batches, Table
from tidegraph.data.text import scanning
from tidegraph.data.text.dialect import OtherFormError, TextForm
from tidegraph.data.text.encodings import as_utf8
from tidegraph.data.text.packed import chunks
from tidegraph.data.text.records import GROWTH, Found, Part, rewrite
from tidegraph.data.text.sniff import Sniffed
from tidegraph.errors import DataError

CHUNK = 1 << 21
"""Bytes that become one batch."""
LONGEST = 1 << 24
"""No record has more bytes than this."""


def csv_table(path: Path, name: str, form: TextForm, sniffed: Sniffed) -> Table:
    """Return the rows of a delimited text as a table of text.

    Args:
        path: Where it lies, packed or not.
        name: What messages call it.
        form: What is said of it.
        sniffed: What was found in it.
    """
    batches = partial(_stream_batches, path, name, form, sniffed)
    return Table(name, sniffed.columns, True, batches, sniffed.dialect)


def _stream_batches(
    path: Path, name: str, form: TextForm, sniffed: Sniffed, columns: Sequence[str]
) -> Batches:
    """Yield the named columns, batch by batch."""
    if not columns:
        return
    for column in columns:
        if sniffed.columns.count(column) > 1:
            raise DataError(f"{name} has two columns {column!r}. Rename or drop one.")
    text = as_utf8(chunks(path, CHUNK), sniffed.dialect.encoding, name, form)
    frames = _Rows(name, form, sniffed, tuple(columns)).frames(
        _skip_bytes(text, sniffed.start)
    )
    # A thread is not worth its start where there is one batch.
    yield from frames if path.stat().st_size < CHUNK else _read_ahead(frames)


@dataclass
class _Rows:
    """Reads the rows of one text, counting them.

    Attributes:
        name: What messages call it.
        form: What is said of it.
        sniffed: What was found in it.
        columns: The columns to read.
        row: Rows that were read.
        line: Lines that were read.
    """

    name: str
    form: TextForm
    sniffed: Sniffed
    columns: tuple[str, ...]
    row: int = 0
    line: int = 0

    def frames(self, text: Iterator[bytes]) -> Iterator[pl.DataFrame]:
        """Yield the rows of the text, in batches."""
        self.line = self.sniffed.line
        rest, end = b"", self.sniffed.dialect.ends.encode()
        for chunk in text:
            # Whole lines, so that what goes on is copied once and is mostly plain.
            cut = chunk.rfind(end) + 1
            used, frame, data = 0, None, rest
            if cut:
                data = b"".join((rest, memoryview(chunk)[:cut]))
                used, frame = self._read_records(data, final=False)
            rest = data[used:] + chunk[cut:]
            if len(rest) > LONGEST:
                raise self._error_of_row(Part(Found.OPEN, 0, 0, 0, 0, 0))
            if frame is not None:
                yield frame
        while rest:
            used, frame = self._read_records(rest, final=True)
            rest = rest[used:]
            if frame is not None:
                yield frame

    def _read_records(
        self, data: bytes, *, final: bool
    ) -> tuple[int, pl.DataFrame | None]:
        """Return how many bytes are done with, and the rows in them."""
        regular = self._lines_as_they_stand(data)
        if regular is not None:
            return regular
        dialect, places = self.sniffed.dialect, self._places
        # One column alone would make an empty line of an empty value.
        wanted = np.array(places * 2 if len(places) == 1 else places, np.int64)
        out = np.empty(GROWTH * len(data) + 64, np.uint8)
        part = rewrite(
            data, dialect.reading, wanted, self.sniffed.width, out, final=final
        )
        self.row += part.rows
        self.line += part.lines
        if part.found not in (Found.DONE, Found.MORE):
            raise self._error_of_row(part)
        if not part.rows:
            return part.used, None
        frame = pl.read_csv(
            _keep_bom(out[: part.written].tobytes()),
            has_header=False,
            separator=chr(dialect.reading.written),
            schema={str(place): pl.String for place in range(len(wanted))},
        )
        return part.used, self._check_row_count(frame[:, : len(places)], part.rows)

    def _lines_as_they_stand(self, data: bytes) -> tuple[int, pl.DataFrame] | None:
        """Return the whole lines of ``data`` if they are plain as they stand."""
        dialect, width = self.sniffed.dialect, self.sniffed.width
        reading = dialect.reading
        used = data.rfind(b"\n") + 1
        simple = len(reading.separator) == 1 and not (reading.runs or reading.skips)
        if not simple or dialect.comment or width < 2 or not used or b'"' in data:
            return None
        if dialect.ends == "\r":
            return None
        block = data if used == len(data) else data[:used]
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
            if b"\r" in block:
                return None
        separator = reading.separator[0]
        rows = scanning.count_regular_lines(
            np.frombuffer(block, np.uint8), separator, width
        )
        if rows < 0:
            return None
        places = self._places
        frame = pl.read_csv(
            _keep_bom(block),
            has_header=False,
            separator=chr(separator),
            quote_char=None,
            schema={str(place): pl.String for place in range(width)},
            columns=sorted(places),
        )
        self.row += rows
        self.line += rows
        return used, self._check_row_count(frame.select(map(str, places)), rows)

    @property
    def _places(self) -> list[int]:
        return [self.sniffed.columns.index(column) for column in self.columns]

    def _check_row_count(self, frame: pl.DataFrame, rows: int) -> pl.DataFrame:
        if len(frame) != rows:
            raise DataError(
                f"{self.name} cannot be read: {rows} rows above row {self.row + 1} "
                f"were taken for {len(frame)}. Please report this file."
            )
        frame.columns = list(self.columns)
        return frame

    def _error_of_row(self, part: Part) -> Exception:
        """Return what is wrong with the row after those that were read."""
        row, line = self.row + 1, self.line + 1
        where = f"{self.name}, row {row}"
        if line != row + int(self.sniffed.dialect.header):
            where += f" (line {line})"
        reason = DataError(f"{where}{self._fault_text(part)}")
        quotes = part.found in (Found.OPEN, Found.TORN, Found.RAGGED)
        if quotes and self.sniffed.dialect.quoted and self.form.quoted is None:
            return OtherFormError(replace(self.form, quoted=False), reason)
        return reason

    def _fault_text(self, part: Part) -> str:
        width, named = self.sniffed.width, len(self.sniffed.columns)
        other = "the header" if self.sniffed.dialect.header else "the first row"
        if width > named:
            other = "each row above"
        return {
            Found.RAGGED: f": there are {part.fields} fields, and {other} has {width}. "
            "Put a field that holds a separator in quotes, or name the separator with "
            "sep=.",
            Found.OPEN: " begins a field with a quote that is never closed. Close the "
            "quote, or double it within a field in quotes.",
            Found.TORN: " has a quoted field of several lines with text behind its "
            "closing quote. Double the quotes within the field.",
            Found.COMMENT: f" begins with {self.sniffed.dialect.comment} like the "
            f"comments above, but has {width} fields like a row. Delete the line, or "
            "put its first field in quotes.",
            Found.LITERAL: " has a field in quotes, but in another row a quote is "
            "never closed. Close or double that quote.",
        }[part.found]


def _read_ahead(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield frames, the next of which is read while one is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="tidegraph-read") as reader:
        coming = reader.submit(next, frames, None)
        while (frame := coming.result()) is not None:
            coming = reader.submit(next, frames, None)
            yield frame


def _keep_bom(text: bytes) -> bytes:
    """Return text whose first character stays, where polars would drop a mark."""
    return BOM_UTF8 + text if text.startswith(BOM_UTF8) else text


def _skip_bytes(text: Iterator[bytes], count: int) -> Iterator[bytes]:
    """Yield a text without its first bytes."""
    start = b""
    for chunk in text:
        start += chunk
        if len(start) >= count:
            return chain((start[count:],), text)
    return iter(())
