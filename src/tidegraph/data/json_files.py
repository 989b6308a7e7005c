"""JSON as a table: a list of objects, or objects one after the other, on any lines.

Values come as the text that stands in the file, so that no digit is lost. Lines of
Python literals, as some Amazon reviews are written, are read too; nothing is executed.
"""

import ast
import codecs
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import polars as pl

from tidegraph.data.streams import PIECE, encoding_of, text_pieces
from tidegraph.data.table import BATCH_ROWS, Table
from tidegraph.errors import DataError

Row = dict[str, Any]
HEAD_ROWS = 10_000
"""Objects whose keys are the columns."""
_BETWEEN = " \t\r\n,"
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str)


def json_table(path: Path, said: str | None = None, piece: int = PIECE) -> Table:
    """Return a file of JSON objects as a table.

    Args:
        path: The file, perhaps packed.
        said: Its encoding, if the caller names it.
        piece: Bytes read at a time.

    Raises:
        DataError: It holds something else than objects; the message names the row.
    """
    encoding = encoding_of(path, said)
    columns: dict[str, None] = {}
    for _, row in zip(range(HEAD_ROWS), _rows(path, encoding, piece), strict=False):
        columns |= dict.fromkeys(row)
    if not columns:
        raise DataError(f"{path.name} holds no object with a key. Give it rows.")

    def batches(asked: Sequence[str]) -> Iterator[pl.DataFrame]:
        values: list[list[str | None]] = [[] for _ in asked]
        for number, row in enumerate(_rows(path, encoding, piece), 1):
            for column, name in zip(values, asked, strict=True):
                column.append(_text(row.get(name)))
            if number % BATCH_ROWS == 0:
                yield _frame(asked, values)
                values = [[] for _ in asked]
        if values and values[0]:
            yield _frame(asked, values)

    return Table(path.name, tuple(columns), True, batches)


def _frame(columns: Sequence[str], values: list[list[str | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        dict(zip(columns, values, strict=True)),
        schema=dict.fromkeys(columns, pl.String),
    )


def _text(value: object) -> str | None:
    """Return a value as text; what is nested stays JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(value, default=str)


def _rows(path: Path, encoding: str, piece: int) -> Iterator[Row]:
    """Yield each object of the file."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    buffer, at, number = "", 0, 0
    listed = False
    for data in text_pieces(path, encoding, piece):
        buffer, at = buffer[at:] + decoder.decode(data), 0
        if not number and buffer.lstrip(_BETWEEN).startswith("{'"):
            yield from _literal_rows(path, encoding, piece)
            return
        if not number and not listed and buffer.lstrip(_BETWEEN).startswith("["):
            at, listed = buffer.index("[") + 1, True
        while (after := _next(buffer, at)) is not None:
            at, row = after
            number += 1
            yield _checked(row, path, number)
    rest = buffer[at:].strip(_BETWEEN)
    if listed:
        rest = rest.removesuffix("]").strip(_BETWEEN)
    if rest:
        raise _broken(path, number + 1, rest)


def _next(buffer: str, at: int) -> tuple[int, object] | None:
    """Return where the next value ends and the value; nothing if it is not whole."""
    while at < len(buffer) and buffer[at] in _BETWEEN:
        at += 1
    if at >= len(buffer) or buffer[at] == "]":
        return None
    try:
        row, after = _DECODER.raw_decode(buffer, at)
    except (json.JSONDecodeError, RecursionError):
        return None
    # A number at the end may go on in the next piece; objects have an end.
    return (after, row) if buffer[at] in "{[" or after < len(buffer) else None


def _checked(row: object, path: Path, number: int) -> Row:
    if not isinstance(row, dict):
        raise DataError(
            f"{path.name}, row {number}: there is {str(row)[:40]!r}, and an object is "
            'expected, such as {"user": 1, "item": 2}. Write one object per row.'
        )
    return cast(Row, row)


def _broken(path: Path, number: int, rest: str) -> DataError:
    try:
        _DECODER.raw_decode(rest)
        reason = "text that is no object"
    except json.JSONDecodeError as error:
        reason = error.msg
    except RecursionError:
        reason = "nested too deep"
    return DataError(
        f"{path.name}, row {number} is not JSON ({reason}), at {rest[:40]!r}. Mend it."
    )


def _literal_rows(path: Path, encoding: str, piece: int) -> Iterator[Row]:
    """Yield lines that are Python literals, such as {'user': 'u1'}."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    left, number = "", 0
    for data in (*text_pieces(path, encoding, piece), None):
        text = left + ("\n" if data is None else decoder.decode(data))
        *lines, left = text.split("\n")
        for line in lines:
            if not line.strip():
                continue
            number += 1
            try:
                row: object = ast.literal_eval(line.strip())
            except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
                raise _broken(path, number, line) from error
            yield _checked(row, path, number)
