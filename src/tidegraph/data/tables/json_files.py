"""JSON as a table of text: lines, one array, or Python literals in lines.

Numbers keep their digits, keys may be absent, and what was not asked for is not looked
at.
"""

import ast
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, cast

import polars as pl

from tidegraph.data.tables.table import BATCH_ROWS, Batches, Table
from tidegraph.data.text.dialect import FileForm, TextForm
from tidegraph.data.text.encodings import as_utf8
from tidegraph.data.text.packed import chunks
from tidegraph.errors import DataError, type_of

LONGEST = 1 << 24
"""No row has more characters than this."""
_LOOK = 1000
_BLANK = " \t\r\n"


class _Number(str):
    """The digits of a number."""


class _Doubled(dict[str, Any]):
    """An object in which a key stands twice; it has the last value of each."""

    twice: frozenset[str] = frozenset()


_TEXT = (str, _Number, int, type(None))


def json_table(
    path: Path,
    name: str,
    encoding: str,
    form: TextForm,
    kind: FileForm,
    wanted: frozenset[str] | None,
) -> Table:
    """Return the rows of a JSON file as a table of text.

    Args:
        path: Where it lies, packed or not.
        name: What messages call it.
        encoding: Of the file.
        form: What is said of it.
        kind: How rows are laid out.
        wanted: Keys that are expected in it; all that it has if none is given.
    """

    def rows() -> Iterator[dict[str, Any]]:
        text = as_utf8(chunks(path), encoding, name, form)
        decoded = (chunk.decode("utf-8", "surrogatepass") for chunk in text)
        found = _Text(decoded)
        if kind is FileForm.LITERALS:
            return _checked_objects(_stream_literals(found, name), name)
        return _checked_objects(
            _stream_json_values(found, name, kind is FileForm.JSON_ARRAY), name
        )

    def batches(columns: Sequence[str]) -> Batches:
        found = rows()
        seen = 0
        while block := list(islice(found, BATCH_ROWS)):
            _refuse_doubled_keys(block, columns, name, seen)
            seen += len(block)
            yield pl.DataFrame(
                [
                    _column_of_values(name, [row.get(name) for row in block])
                    for name in columns
                ]
            )

    return Table(name, _keys_of_rows(rows(), wanted), True, batches, kind)


class _Text:
    """Text that comes in parts, of which only what is not done with is held."""

    def __init__(self, parts: Iterator[str]) -> None:
        self._parts, self.held, self.whole = parts, "", False

    def more(self, done: int) -> None:
        """Let go of what is done with, and hold twice as much of the rest."""
        kept = self.held[done:]
        parts, size = [kept], 0
        while size <= len(kept):
            part = next(self._parts, None)
            if part is None:
                self.whole = True
                break
            parts.append(part)
            size += len(part)
        self.held = "".join(parts)


def _stream_json_values(text: _Text, name: str, array: bool) -> Iterator[object]:
    """Yield the values one after the other, or those of the one array."""
    decode = json.JSONDecoder(
        object_pairs_hook=_object_noting_duplicates,
        parse_int=_Number,
        parse_float=_Number,
        strict=False,
    )
    between = _BLANK + ","
    text.more(0)
    at = _skip_blanks(text, 0, _BLANK)
    row = 0
    if array:
        at += 1
    while True:
        at = _skip_blanks(text, at, between)
        if at >= len(text.held):
            if array:
                raise DataError(f"{name} ends within its array. Download it again.")
            return
        if array and text.held[at] == "]":
            return
        try:
            value, at = decode.raw_decode(text.held, at)
        except (json.JSONDecodeError, RecursionError) as error:
            if text.whole or len(text.held) - at > LONGEST:
                reason = getattr(error, "msg", "nested too deeply")
                raise DataError(
                    f"{name} cannot be read: row {row + 1} is not JSON ({reason}). "
                    "Mend the file."
                ) from error
            text.more(at)
            at = 0
            continue
        row += 1
        yield value


def _object_noting_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled, counts = _Doubled(found), Counter(key for key, _ in pairs)
    doubled.twice = frozenset(key for key, count in counts.items() if count > 1)
    return doubled


def _refuse_doubled_keys(
    rows: Sequence[dict[str, Any]], columns: Sequence[str], name: str, before: int
) -> None:
    """Refuse a key that is read and stands twice in a row, as a header is refused."""
    for number, row in enumerate(rows, before + 1):
        if isinstance(row, _Doubled) and row.twice.intersection(columns):
            key = min(row.twice.intersection(columns))
            raise DataError(
                f"{name}, row {number}: the key {key!r} stands there twice. Keep one."
            )


def _skip_blanks(text: _Text, at: int, blanks: str) -> int:
    """Return where something stands that is not blank, or the end."""
    while True:
        while at < len(text.held) and text.held[at] in blanks:
            at += 1
        if at < len(text.held) or text.whole:
            return at
        text.more(at)
        at = 0


def _stream_literals(text: _Text, name: str) -> Iterator[object]:
    """Yield the literal on each line."""
    row = 0
    while not text.whole:
        text.more(0)
        lines = text.held.split("\n")
        text.held = "" if text.whole else lines.pop()
        for line in filter(str.strip, lines):
            row += 1
            try:
                yield ast.literal_eval(line.strip())
            except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
                raise DataError(
                    f"{name} cannot be read: row {row} is neither JSON nor a Python "
                    "literal. Mend the file."
                ) from error


def _checked_objects(values: Iterator[object], name: str) -> Iterator[dict[str, Any]]:
    for row, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise DataError(
                f"{name} cannot be read: row {row} is {_json_kind(value)}, not an "
                'object. Write rows like {"user": 1, "item": 2}.'
            )
        yield cast(dict[str, Any], value)


def _json_kind(value: object) -> str:
    return "a number" if isinstance(value, _Number) else type_of(value)


def _keys_of_rows(
    rows: Iterator[dict[str, Any]], wanted: frozenset[str] | None
) -> tuple[str, ...]:
    """Return the keys of the first rows, and of more until all wanted are found."""
    keys: dict[str, None] = {}
    for number, row in enumerate(rows):
        if number >= _LOOK and wanted is not None and wanted <= keys.keys():
            break
        keys.update(dict.fromkeys(row))
    return tuple(keys)


def _column_of_values(name: str, values: Sequence[Any]) -> pl.Series:
    """Return text and whole numbers as text, and others as the values they are."""
    if all(type(value) in _TEXT for value in values):
        text = [None if value is None else str(value) for value in values]
        with suppress(UnicodeEncodeError):  # A character of which half is spelt.
            return pl.Series(name, text, dtype=pl.String)
    found = [
        value if type(value) in _TEXT else _with_plain_numbers(value)
        for value in values
    ]
    return pl.Series(name, found, dtype=pl.Object)


def _with_plain_numbers(value: Any) -> Any:
    """Return the same value with numbers in place of their digits."""
    if isinstance(value, _Number):
        return float(value) if set(value) & set(".eE") else int(value)
    if isinstance(value, list | tuple):
        return [_with_plain_numbers(one) for one in cast(Sequence[Any], value)]
    if isinstance(value, dict):
        return {
            str(k): _with_plain_numbers(one)
            for k, one in cast(dict[Any, Any], value).items()
        }
    return value
