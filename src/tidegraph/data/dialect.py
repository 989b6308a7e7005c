"""How a text file is written: found from its first records, or said.

Nothing is guessed in silence: what was found prints as one line, which ``tidegraph
check`` shows, and each part of it can be said instead.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tidegraph.data.layouts import Layout, layout_of
from tidegraph.data.records import Reading, Record, records
from tidegraph.errors import DataError

HEAD = 1 << 18
"""Bytes of text that a dialect is found from."""
SAMPLE = 200
"""Records that a dialect is found from, at most."""

_SPOKEN = {"tab": "\t", r"\t": "\t", "space": " ", "comma": ",", "semicolon": ";"}
_RUNS = (r"\s+", "spaces", "whitespace")
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar", " ": "space"}
_CANDIDATES = (",", "\t", ";", "|", "::")
_SEP_LINE = re.compile(rb"\Asep=([^\r\n]+)(\r\n|\r|\n)")
_NUMBER = re.compile(r"\A\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*\Z")


@dataclass(frozen=True)
class TextForm:
    r"""What a caller says of a text file; what is left out is found.

    Attributes:
        sep: What stands between fields; ``tab``, ``space`` and ``\s+`` are understood.
        header: Whether the first record names the columns.
        names: Names of all the columns, in place of those of the file.
        encoding: The encoding, as Python calls it.
    """

    sep: str | None = None
    header: bool | None = None
    names: Sequence[str] | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.names, str):
            raise DataError(
                f"names is {self.names!r}, and a list is expected. Name every column, "
                "such as names=['user', 'item', 'time']."
            )
        if self.sep == "" or (self.sep and set(self.sep) & set('\r\n"')):
            raise DataError(
                f"sep is {self.sep!r}, which cannot stand between fields. Pass one "
                "such as ',', ';', 'tab', '::' or 'space'."
            )


@dataclass(frozen=True)
class Dialect:
    """How the records of a text file are written.

    Attributes:
        encoding: As Python calls it.
        reading: How bytes are taken apart.
        columns: Names of the columns, by place where the file names none.
        width: How many fields a record has; at least as many as there are columns.
        header: Whether the file names its columns.
        begins: Bytes of text before the first record of data.
        rows_above: Lines before the first record of data.
        layout: The public data set whose file this is, if it is one.
    """

    encoding: str
    reading: Reading
    columns: tuple[str, ...]
    width: int
    header: bool
    begins: int
    rows_above: int
    layout: str | None = None

    @property
    def named_by_numbers(self) -> bool:
        """Whether some column's name is a number, as if the header were data."""
        return self.header and any(map(_NUMBER.match, self.columns))

    def __str__(self) -> str:
        separator = self.reading.separator.decode()
        between = _NAMES.get(separator, repr(separator))
        if self.reading.runs:
            between = "white-space"
        named = "header" if self.header else f"no header, {len(self.columns)} columns"
        parts = [f"{between}-separated", named, _spoken(self.encoding)]
        return ", ".join([*parts, self.layout] if self.layout else parts)


def sniff(head: bytes, name: str, form: TextForm, encoding: str) -> Dialect:
    """Return how a file is written.

    Args:
        head: The first ``HEAD`` bytes of its text in UTF-8.
        name: What messages call it, its name.
        form: What the caller says of it.
        encoding: Its encoding.

    Raises:
        DataError: It holds no record, or what is said does not fit.
    """
    final = len(head) < HEAD
    begins = 0
    sep, line = form.sep, 0
    if declared := _SEP_LINE.match(head):
        # Excel writes and reads this line, which is no record.
        sep = sep or declared.group(1).decode()
        begins, line = declared.end(), 1
    known = layout_of(name) if form.names is None and form.header is None else None
    reading, found = _separated(head[begins:], sep, known, name, final)
    if not found:
        raise DataError(f"{name} holds no record. Give it column names and rows.")
    if known is not None and not known.fits([record.fields for record in found]):
        known = None
    header = _has_header(found, form, known)
    width = _width(found, header)
    if header:
        begins, line = begins + found[0].stop, line + found[0].line
    columns = _columns(found[0].fields, form, known, header, width, name)
    return Dialect(
        encoding,
        reading,
        columns,
        width,
        header,
        begins,
        line,
        known.name if known else None,
    )


def _separated(
    head: bytes, sep: str | None, known: Layout | None, name: str, final: bool
) -> tuple[Reading, list[Record]]:
    """Return how records are taken apart, and the first of them."""
    if sep is not None:
        reading = _said(sep)
        reading = _with_comments(head, reading, final)
        return reading, records(head, reading, SAMPLE, final=final)
    best: tuple[tuple[float, int], Reading, list[Record]] | None = None
    tabbed = name.lower().split(".gz")[0].endswith((".tsv", ".tab"))
    candidates = ("\t", *_CANDIDATES) if tabbed else _CANDIDATES
    for candidate in candidates:
        quoted = len(candidate) == 1 and not (known and not known.quoted)
        reading = _with_comments(head, Reading(candidate.encode(), quoted), final)
        found = records(head, reading, SAMPLE, final=final)
        score = _consistency(found)
        if best is None or score > best[0]:
            best = score, reading, found
    assert best is not None
    if best[0][1] < 2:
        runs = Reading(b" ", True, runs=True)
        found = records(head, runs, SAMPLE, final=final)
        if (
            len(found) > 1
            and _consistency(found)[0] == 1.0 > 0 < len(found[0].fields) - 1
        ):
            return runs, found
    return best[1], best[2]


def _said(sep: str) -> Reading:
    if sep in _RUNS:
        return Reading(b" ", True, runs=True)
    separator = _SPOKEN.get(sep, sep)
    return Reading(separator.encode(), len(separator) == 1)


def _with_comments(head: bytes, reading: Reading, final: bool) -> Reading:
    """Take a first line that begins with # or % and is no record for a comment."""
    if head[:1] not in (b"#", b"%"):
        return reading
    commented = Reading(
        reading.separator, reading.quoted, head[0], reading.runs, reading.skips
    )
    first = records(head, reading, 1, final=final)
    rest = records(head, commented, 2, final=final)
    if first and rest and len(first[0].fields) != len(rest[0].fields):
        return commented
    return reading


def _consistency(found: Sequence[Record]) -> tuple[float, int]:
    """Return the share of the records that are as wide as most, and that width."""
    if not found:
        return (0.0, 0)
    (width, count), *_ = Counter(len(record.fields) for record in found).most_common(1)
    if width < 2:
        return (0.0, width)
    header = len(found[0].fields)
    # A header of one field over wide records is the mark of another separator.
    agrees = header == width or 1 < header < width
    return (count / len(found) if agrees else 0.01, width)


def _has_header(found: Sequence[Record], form: TextForm, known: Layout | None) -> bool:
    if form.header is not None:
        return form.header
    if form.names is not None:
        return False
    if known is not None:
        return known.header
    first = [text for text in found[0].fields if text.strip()]
    return not (first and all(_NUMBER.match(text) for text in first))


def _width(found: Sequence[Record], header: bool) -> int:
    """Return the width of a record; wider than the header if all records are."""
    first = len(found[0].fields)
    below = {len(record.fields) for record in found[1:]}
    if header and len(below) == 1 and min(below) > first:
        return min(below)
    return first


def _columns(
    first: Sequence[str],
    form: TextForm,
    known: Layout | None,
    header: bool,
    width: int,
    name: str,
) -> tuple[str, ...]:
    if form.names is not None:
        if len(form.names) != width:
            raise DataError(
                f"{name} has {width} columns and names has {len(form.names)}. Name "
                "each of them."
            )
        return tuple(form.names)
    if known is not None:
        return known.columns
    if not header:
        return tuple(str(place) for place in range(1, width + 1))
    surplus = width - len(first)
    if surplus == 1:
        raise DataError(
            f"{name}: the header names {len(first)} columns and every row has {width}, "
            "as R writes row names. Pass names= with a name for each column, and "
            "header=True."
        )
    places = (str(place) for place in range(len(first) + 1, width + 1))
    return (*first, *places)


def _spoken(encoding: str) -> str:
    return {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252 (not UTF-8)"}.get(
        encoding, encoding.upper()
    )
