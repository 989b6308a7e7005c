"""The dialect of a delimited text, found in its first bytes by rules.

The separator is the one that gives every record the same number of fields, header
included. A first row is a header unless it holds a number or a date and no column below
it holds numbers where it does not. What cannot be told is said to the caller, who can
say it back; a row is never taken for a header that ``names`` may have made data of.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from tidegraph.data.invisible import INVISIBLE
from tidegraph.data.text.dialect import RUNS, Dialect, TextForm
from tidegraph.data.text.header import has_header, is_value
from tidegraph.data.text.layouts import Layout, layout_of
from tidegraph.data.text.lines import are_user_lines, refuse_user_lines
from tidegraph.data.text.records import Record, records
from tidegraph.errors import DataError

_STRONG = ("\t", "::", ",", ";", "|", "||")
_WEAK = (" ", RUNS)
_RARE = ("\x01", "\x1f", "^", "~")
"""Taken only where names confirm them, since an id may hold them."""
_LOOK = 200
_EXCEL = re.compile(rb'"?sep=(.|\\t)"?\r?(\n|$)', re.IGNORECASE)
_LINE_END = re.compile(rb"\r\n|\r|\n")
_FIRST_END = re.compile(rb'(?:[^"\r\n]|"[^"]*")*(?:\r\n|\r|\n)')
"""The first line end outside quotes, with all that is before it."""

_Reading = tuple[Dialect, list[Record]]
"""How a text may be written, and its first records then."""


@dataclass(frozen=True)
class Sniffed:
    """A dialect and where the rows begin.

    Attributes:
        dialect: How the text is written.
        columns: Names of the columns.
        width: How many fields each row has.
        start: Byte at which the rows begin.
        line: How many lines are above them.
    """

    dialect: Dialect
    columns: tuple[str, ...]
    width: int
    start: int
    line: int


@dataclass(frozen=True)
class _Top:
    """The first bytes of a text without the lines that are no records."""

    data: bytes
    name: str
    wanted: frozenset[str]
    whole: bool
    skipped: int
    lines: int
    separator: str | None
    comment: str
    last_comment: bytes

    @property
    def ends(self) -> str:
        """What ends the first record, and so all of them."""
        end = _FIRST_END.match(self.data) or _LINE_END.search(self.data)
        return "\r" if end and end[0].endswith(b"\r") else "\n"


def sniff(
    data: bytes,
    name: str,
    encoding: str,
    form: TextForm,
    wanted: Collection[str] = (),
    *,
    whole: bool,
) -> Sniffed:
    """Return the dialect of a text.

    Args:
        data: Its first bytes, in UTF-8.
        name: What messages call it; a known name may say what the columns are.
        encoding: What it was in.
        form: What is said of it.
        wanted: Names of columns that it is expected to have.
        whole: Whether these bytes are all of it.

    Raises:
        DataError: There is no record, or what is said does not fit.
    """
    # A number is the place of a column, which no header need bear.
    named = frozenset(column for column in wanted if not column.isdecimal())
    top = _body(data, name, named, whole)
    known = _layout(top, encoding, form)
    if known is not None:
        layout, dialect = known
        start, line, width = top.skipped, top.lines, len(layout.columns)
        return Sniffed(dialect, layout.columns, width, start, line)
    dialect, found = _sniff_form(top, encoding, form)
    if not found:
        size = "" if whole else f" that ends within its first {len(data):,} bytes"
        raise DataError(f"{name} has no row{size}. Give it column names and rows.")
    rows = [record.fields for record in found]
    if not form.header:
        refuse_user_lines(name, rows)
    told = has_header(name, form, top.wanted, rows)
    width = _count_fields(found, told)
    return Sniffed(
        dialect=replace(dialect, header=told),
        columns=_column_names(top, dialect, form, found, told, width),
        width=width,
        start=top.skipped + (found[0].stop if told else 0),
        line=top.lines + (found[0].line if told else 0),
    )


def _body(data: bytes, name: str, wanted: frozenset[str], whole: bool) -> _Top:
    """Take off Excel's line that names the separator, and comments."""
    at, lines, separator = 0, 0, None
    excel = _EXCEL.match(data)
    if excel:
        separator = excel[1].decode("latin-1").replace("\\t", "\t")
        at, lines = excel.end(), 1
    comment, last = "", b""
    while data[at : at + 1] in (b"#", b"%"):
        line = re.compile(rb"[^\r\n]*(\r\n|\r|\n|$)").match(data, at)
        if line is None or line.end() == at:
            break
        comment, last = chr(data[at]), line[0].strip()
        at, lines = line.end(), lines + 1
    return _Top(data[at:], name, wanted, whole, at, lines, separator, comment, last)


def _layout(top: _Top, encoding: str, form: TextForm) -> tuple[Layout, Dialect] | None:
    """Return the layout of a public file whose name and shape both fit."""
    layout = layout_of(top.name)
    if layout is None or (form.sep, form.header, form.names) != (None, None, None):
        return None
    dialect = Dialect(
        layout.separator,
        False,
        encoding,
        quoted=layout.quoted,
        layout=layout.name,
        ends=top.ends,
    )
    found = _top_records(top, dialect)
    fits = found and layout.fits([record.fields for record in found])
    return (layout, dialect) if fits else None


def _sniff_form(top: _Top, encoding: str, form: TextForm) -> _Reading:
    """Return the dialect but for its header, and the first records."""
    regular: Iterable[_Reading] = _regular_readings(top, encoding, form)
    if form.names is not None and not _separator(top, form):
        # Of several readings the one with as many fields as there are names.
        width = len(form.names)
        regular = sorted(regular, key=lambda one: len(one[1][-1].fields) != width)
    lines, by_row = _as_lines(top, encoding, form), _by_first_row(top, encoding, form)
    return next(chain(regular, lines, by_row))


def _separator(top: _Top, form: TextForm) -> str | None:
    """Return the separator that somebody named, in the call or in the text."""
    return form.sep if form.sep is not None else top.separator


def _regular_readings(top: _Top, encoding: str, form: TextForm) -> Iterator[_Reading]:
    """Yield what makes regular records, the likeliest separators first."""
    said = _separator(top, form)
    groups = ((said,),) if said else (_STRONG, _WEAK, _RARE)
    for quoted in (True, False) if form.quoted is None else (form.quoted,):
        for separators in groups:
            tried = [
                one
                for separator in separators
                for one in _readings_by(top, separator, encoding, quoted)
                if _is_likely(one, top, form)
            ]
            yield from sorted(tried, key=lambda one: _rank(one[1], top), reverse=True)


def _is_likely(reading: _Reading, top: _Top, form: TextForm) -> bool:
    """Whether records are regular, and apart by what may well separate them."""
    dialect, found = reading
    rare = dialect.separator in _RARE
    if rare and not (_separator(top, form) or _is_named(found, top, form)):
        return False
    return _is_regular(found, top) and _separates_safely(found, dialect.separator)


def _as_lines(top: _Top, encoding: str, form: TextForm) -> Iterator[_Reading]:
    """Yield what is no table but lines, such as one user's items."""
    said, quoted = _separator(top, form), form.quoted is not False
    for separator in (said,) if said else (*_STRONG, *_WEAK):
        dialect, found = next(iter(_readings_by(top, separator, encoding, quoted)))
        if are_user_lines([record.fields for record in found]):
            yield dialect, found


def _by_first_row(top: _Top, encoding: str, form: TextForm) -> Iterator[_Reading]:
    """Yield what the first row says; a row that differs will be named."""
    said, quoted = _separator(top, form), form.quoted is not False
    line = (re.match(rb"[^\r\n]*", top.data) or [b""])[0].decode("utf-8", "replace")
    often = max(_STRONG, key=lambda s: line.count(s) * (2 if s == "::" else 1))
    dialect = Dialect(said or often, True, encoding, quoted, top.comment, ends=top.ends)
    yield dialect, _top_records(top, dialect)


def _top_records(top: _Top, dialect: Dialect) -> list[Record]:
    return records(top.data, dialect.reading, _LOOK, final=top.whole)


def _readings_by(
    top: _Top, separator: str, encoding: str, quoted: bool
) -> Iterator[_Reading]:
    """Yield the first records as a separator parts them; then without its blanks."""
    dialect = Dialect(separator, True, encoding, quoted, top.comment, ends=top.ends)
    found = _top_records(top, dialect)
    yield dialect, found
    if separator not in _WEAK and _is_spaced(found):
        dialect = replace(dialect, skips=True)
        yield dialect, _top_records(top, dialect)


def _is_spaced(found: list[Record]) -> bool:
    """Whether a blank follows each separator of the first record."""
    fields = found[0].fields[1:] if found else []
    return bool(fields) and all(field.startswith(" ") for field in fields)


def _is_regular(found: list[Record], top: _Top) -> bool:
    """Whether all is records of one width, or of one wider than the header."""
    if not found:
        return False
    widths = {len(record.fields) for record in found[1:]} or {len(found[0].fields)}
    if len(widths) > 1 or (len(found) < _LOOK and not _all_read(found, top)):
        return False
    head, rows = len(found[0].fields), widths.pop()
    return head > 1 and (head == rows or rows == head + 1 or rows >= head + 2)


def _separates_safely(found: list[Record], separator: str) -> bool:
    """Whether blanks, if they separate, do nothing else in the first record."""
    first = found[0].fields
    one_width = all(len(record.fields) == len(first) for record in found)
    return separator not in _WEAK or (
        one_width and all(field and "\t" not in field for field in first)
    )


def _all_read(found: list[Record], top: _Top) -> bool:
    """Whether nothing but blank lines, or a record cut short, follows the records."""
    rest = top.data[found[-1].stop :]
    return not rest.strip(b" \r\n") or not top.whole


def _rank(found: list[Record], top: _Top) -> tuple[bool | int, ...]:
    """How well a reading fits.

    Wanted names, no quotes left around fields, something in every second field, a
    number or a date, one width, width.
    """
    head = found[0].fields
    named = len(top.wanted & _header_names(found))
    bare = not any(map(_in_quotes, (f for one in found for f in one.fields)))
    halves = all(not any(record.fields[1::2]) for record in found)
    same = len({len(record.fields) for record in found}) == 1
    return named, bare, not halves, any(map(is_value, head)), same, len(head)


def _in_quotes(field: str) -> bool:
    """Whether quotes that should enclose a field stand behind a blank."""
    return field.startswith(' "') and field.rstrip(" ").endswith('"')


def _is_named(found: list[Record], top: _Top, form: TextForm) -> bool:
    """Whether names confirm a reading: those above the rows, or as many said."""
    said = form.names is not None and found and len(found[0].fields) == len(form.names)
    return bool(said or top.wanted & _header_names(found))


def _header_names(found: list[Record]) -> set[str]:
    return set(_stripped_fields(found[0].fields)) if found else set()


def _count_fields(found: list[Record], told: bool) -> int:
    """Return how many fields a row has; a header may name fewer."""
    first = len(found[0].fields)
    rows = {len(record.fields) for record in found[1:]}
    if told and len(rows) == 1 and max(rows) > first:
        return rows.pop()
    return first


def _column_names(
    top: _Top,
    dialect: Dialect,
    form: TextForm,
    found: list[Record],
    told: bool,
    width: int,
) -> tuple[str, ...]:
    """Return the names of the columns."""
    if form.names is not None:
        if len(form.names) != width:
            mend = "Give one name for each."
            if width == 1:
                mend = "Say with sep= what separates its fields."
            raise DataError(
                f"names has {len(form.names)} names, and a row of {top.name} has "
                f"{width} field{'s' * (width > 1)}. {mend}"
            )
        return tuple(map(str, form.names))
    if told:
        first = _stripped_fields(found[0].fields)
        if width == len(first) + 1:
            raise DataError(
                f"{top.name} names {len(first)} columns and each row has {width} "
                "fields, as where R writes row names or a separator ends each row. "
                f"Say names= with a name for each of the {width}."
            )
        return first
    places = tuple(str(place) for place in range(1, width + 1))
    return _in_comment(top, dialect, width) or places


def _in_comment(top: _Top, dialect: Dialect, width: int) -> tuple[str, ...] | None:
    """Return the names that the last comment above the rows gives them."""
    text = top.last_comment.lstrip(b"#% ")
    if not text:
        return None
    named = records(text, dialect.reading, 1, final=True)
    fields = named[0].fields if named else []
    if len(fields) != width or any(map(is_value, fields)):
        return None
    return _stripped_fields(fields)


def _stripped_fields(fields: Iterable[str]) -> tuple[str, ...]:
    return tuple(field.strip(INVISIBLE) for field in fields)
