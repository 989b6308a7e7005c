"""Records of delimited text, and one plain form of them all.

The rules are those of Python's ``csv``: a quote opens only at the start of a field, is
doubled within one, and what follows the closing quote belongs to the field. A record
ends with LF, CR or both, and blank lines are none. What no writer writes is refused: a
quoted field that never ends, or one of several lines that is followed by more than a
separator.

The plain form has the asked columns alone, one byte between fields, quotes only where
it must, and LF after each record.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Int64, UInt8

from tidegraph.data.text import scanning
from tidegraph.data.text.scanning import (
    CR,
    END,
    LF,
    PAIR,
    QUOTE,
    SEPARATOR,
    SPACE,
    SPECIAL,
    TAB,
)

_BLANK, _BLANK_CR = re.compile(rb"(?: *\r?\n)+"), re.compile(rb"(?: *\r)+")
_LINE_END = re.compile(rb"\r\n|\r|\n")
GROWTH = 10
"""The plain form takes at most so many times the bytes of the text, and a few."""


class Found(IntEnum):
    """How the search for records ended."""

    DONE = scanning.DONE
    MORE = scanning.MORE
    """The last record may go on in bytes to come."""
    OPEN = scanning.OPEN
    """A field begins with a quote that is never closed."""
    TORN = scanning.TORN
    """A quoted field of several lines is followed by text."""
    RAGGED = scanning.RAGGED
    """A record has another number of fields."""
    COMMENT = scanning.COMMENT
    """A comment has as many fields as a record."""
    LITERAL = scanning.LITERAL
    """A field is in quotes where quotes are said to be text."""


@dataclass(frozen=True, eq=False)
class Reading:
    """How bytes are taken apart.

    Attributes:
        separator: What stands between fields, in UTF-8.
        quoted: Whether quotes enclose fields; else they are text.
        comment: The byte that begins a comment, or -1.
        runs: Whether blanks and tabs in any number separate fields.
        skips: Whether blanks after a separator are left out.
        ends: LF, alone or after CR, or CR; the other byte alone is data.
    """

    separator: bytes
    quoted: bool = True
    comment: int = -1
    runs: bool = False
    skips: bool = False
    ends: int = LF

    @property
    def written(self) -> int:
        """The separator of the plain form."""
        simple = len(self.separator) == 1 and not self.runs
        return self.separator[0] if simple else ord(",")

    @property
    def classes(self) -> UInt8[np.ndarray, "256"]:
        """What each byte may mean outside quotes."""
        table = np.zeros(256, np.uint8)
        table[[QUOTE, self.written]] = SPECIAL
        table[self.ends] = END
        table[LF if self.ends == CR else CR] = SPECIAL if self.ends == CR else PAIR
        table[self.separator[0]] = SEPARATOR
        if self.runs:
            table[[SPACE, TAB]] = SEPARATOR
        return table


@dataclass(frozen=True)
class Part:
    """What became of some bytes.

    Attributes:
        found: How it ended.
        used: Bytes that are done with.
        written: Bytes of the plain form.
        rows: Records in it.
        lines: Lines that are done with.
        fields: Fields of the record at which it ended.
    """

    found: Found
    used: int
    written: int
    rows: int
    lines: int
    fields: int


def rewrite(
    data: bytes,
    reading: Reading,
    wanted: Int64[np.ndarray, " columns"],
    width: int,
    out: UInt8[np.ndarray, " room"],
    *,
    final: bool,
) -> Part:
    """Write the wanted fields of every whole record in ``data`` to ``out``.

    Args:
        data: Text in UTF-8 that begins with a record.
        reading: How to take it apart.
        wanted: Places of the columns to write, in the order to write them.
        width: How many fields a record has.
        out: Takes the plain form.
        final: Whether no bytes follow, so that the last record ends with them.
    """
    state = np.zeros(6, np.int64)
    scanning.rewrite(
        np.frombuffer(data, np.uint8),
        final,
        reading.classes,
        np.frombuffer(reading.separator, np.uint8),
        reading.quoted,
        reading.runs,
        reading.skips,
        reading.comment,
        reading.written,
        wanted,
        width,
        out,
        state,
    )
    found, used, written, rows, lines, fields = state.tolist()
    return Part(Found(found), used, written, rows, lines, fields)


@dataclass(frozen=True)
class Record:
    """One record.

    Attributes:
        fields: What it holds.
        stop: Byte after its end.
        line: Line on which it ends, from 1.
    """

    fields: list[str]
    stop: int
    line: int


def records(data: bytes, reading: Reading, limit: int, *, final: bool) -> list[Record]:
    """Return the first records; none after a fault, and none that may go on."""
    array = np.frombuffer(data, np.uint8)
    classes, separator = reading.classes, np.frombuffer(reading.separator, np.uint8)
    first, last, kind = (np.empty(len(data) + 1, np.int64) for _ in range(3))
    found: list[Record] = []
    at = line = 0
    while at < len(data) and len(found) < limit:
        blank = (_BLANK_CR if reading.ends == CR else _BLANK).match(data, at)
        if blank:
            at, line = blank.end(), line + len(_LINE_END.findall(blank[0]))
            continue
        if data[at] == reading.comment:
            at, _, status = scanning.comment_line(array, at, final, classes, separator)
            line += 1
            continue
        at, count, status, lines = scanning.record(
            array,
            at,
            final,
            classes,
            separator,
            reading.quoted,
            reading.runs,
            reading.skips,
            first,
            last,
            kind,
        )
        if status != Found.DONE:
            break
        line += lines
        fields = [
            _text_of_field(data[first[j] : last[j]], int(kind[j])) for j in range(count)
        ]
        blank = count == 1 and kind[0] == scanning.BARE and not fields[0].strip(" ")
        if not blank:
            found.append(Record(fields, at, line))
    return found


def _text_of_field(field: bytes, how: int) -> str:
    """Return what a field says."""
    text = field.decode("utf-8", "replace")
    if how not in (scanning.QUOTED, scanning.MIXED):
        return text
    # Quotes in pairs are quotes; the first that is alone closes the field.
    inside, after = text[1:], ""
    at = 0
    while (at := inside.find('"', at)) >= 0:
        if inside[at + 1 : at + 2] != '"':
            inside, after = inside[:at], inside[at + 1 :]
            break
        at += 2
    return inside.replace('""', '"') + after
