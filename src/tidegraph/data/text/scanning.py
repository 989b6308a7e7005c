"""The compiled search for one record of delimited text, and for its fields."""

import numpy as np

from tidegraph.kernels.jit import compiled, inlined

QUOTE, LF, CR, SPACE, TAB, COMMA = 34, 10, 13, 32, 9, 44
PLAIN, SEPARATOR, END, SPECIAL, PAIR = 0, 1, 2, 3, 4
"""``PAIR`` is the first byte of a line end of two, and else data to quote."""
BARE, QUOTED, MARKED, MIXED = 0, 1, 2, 3
"""A field without quotes, one in quotes, one without that holds a byte which the plain
form must quote, and one with text after its closing quote."""
DONE, MORE, OPEN, TORN, RAGGED, COMMENT, LITERAL = 0, 1, 2, 3, 4, 5, 6


@inlined
def _is_separator_at(data: np.ndarray, at: int, separator: np.ndarray) -> bool:
    """Return whether the separator, whose first byte is here, is here whole."""
    if at + separator.size > data.size:
        return False
    same = True
    for j in range(1, separator.size):
        same &= data[at + j] == separator[j]
    return same


@inlined
def _is_line_end_at(data: np.ndarray, at: int, classes: np.ndarray) -> bool:
    """Return whether a line ends here; the last byte may be the first of an end."""
    mark = classes[data[at]]
    return mark == END or (mark == PAIR and (at + 1 >= data.size or data[at + 1] == LF))


@inlined
def _after_blanks(data: np.ndarray, at: int, tabs: bool) -> int:
    while at < data.size and (data[at] == SPACE or (tabs and data[at] == TAB)):
        at += 1
    return at


@inlined
def _after_quotes(data: np.ndarray, at: int, final: bool) -> tuple[int, int, int]:
    """Return what follows a quoted field, how that went, and its line ends.

    ``at`` is behind the quote that opens it.
    """
    lines = 0
    while True:
        while at < data.size and data[at] != QUOTE:
            alone = at + 1 >= data.size or data[at + 1] != LF
            if data[at] == LF or (data[at] == CR and alone):
                lines += 1
            at += 1
        if at >= data.size:
            return at, OPEN if final else MORE, lines
        if at + 1 >= data.size:
            return at + 1, DONE if final else MORE, lines
        if data[at + 1] != QUOTE:
            return at + 1, DONE, lines
        at += 2


@inlined
def _after_text(
    data: np.ndarray,
    at: int,
    classes: np.ndarray,
    separator: np.ndarray,
    how: int,
) -> tuple[int, int]:
    """Return where the text of a field ends, and how the field is written."""
    while at < data.size:
        mark = classes[data[at]]
        if mark == PLAIN:
            at += 1
            continue
        if mark == SEPARATOR and _is_separator_at(data, at, separator):
            break
        if mark != SEPARATOR and _is_line_end_at(data, at, classes):
            break
        if mark != SEPARATOR:
            how = max(how, MARKED)
        at += 1
    return at, how


@inlined
def _next_line(data: np.ndarray, at: int) -> int:
    """Return where the next line begins, at the end of this one."""
    if data[at] == CR and at + 1 < data.size and data[at + 1] == LF:
        at += 1
    return min(at + 1, data.size)


@compiled
def record(
    data: np.ndarray,
    at: int,
    final: bool,
    classes: np.ndarray,
    separator: np.ndarray,
    quoted: bool,
    runs: bool,
    skips: bool,
    first: np.ndarray,
    last: np.ndarray,
    kind: np.ndarray,
) -> tuple[int, int, int, int]:
    """Find the record that begins at ``at``.

    Args:
        data: Bytes of text.
        at: Where the record begins; there is a byte.
        final: Whether no bytes follow the data.
        classes: What each byte may mean outside quotes.
        separator: The bytes between fields.
        quoted: Whether quotes enclose fields.
        runs: Whether any number of blanks separates fields.
        skips: Whether blanks after a separator are left out.
        first: Takes where each field begins, as far as it reaches.
        last: Takes where each field ends.
        kind: Takes how each field is written.

    Returns:
        Where the next record begins, the number of fields, how the search ended, and
        the number of lines.
    """
    fields, lines, status = 0, 1, DONE
    while status == DONE:
        if skips or runs:
            at = _after_blanks(data, at, runs)
            if (
                runs
                and fields
                and (at >= data.size or _is_line_end_at(data, at, classes))
            ):
                break
        start, how, inside = at, BARE, 0
        if quoted and at < data.size and data[at] == QUOTE:
            at, status, inside = _after_quotes(data, at + 1, final)
            lines += inside
            how = QUOTED
        behind = at
        at, how = _after_text(data, at, classes, separator, how)
        if how >= QUOTED and start < behind < at:
            how = MIXED
            if inside and status == DONE:
                status = TORN
        if fields < first.size:
            first[fields], last[fields], kind[fields] = start, at, how
        fields += 1
        if at >= data.size or _is_line_end_at(data, at, classes):
            break
        at += separator.size
    # The end of a record may show only with the byte after it.
    last_byte = at + 1 >= data.size and not (at < data.size and data[at] == LF)
    if status == DONE and last_byte and not final:
        status = MORE
    if status == DONE and at < data.size:
        at = _next_line(data, at)
    return at, fields, status, lines


@compiled
def comment_line(
    data: np.ndarray,
    at: int,
    final: bool,
    classes: np.ndarray,
    separator: np.ndarray,
) -> tuple[int, int, int]:
    """Return where the next line begins, the fields of this one, and how it went."""
    fields = 1
    while at < data.size and not _is_line_end_at(data, at, classes):
        if data[at] == separator[0] and _is_separator_at(data, at, separator):
            fields += 1
        at += 1
    if at + 1 >= data.size and not final:
        return at, fields, MORE
    return _next_line(data, at) if at < data.size else at, fields, DONE


@inlined
def _is_blank(data: np.ndarray, start: int, stop: int) -> bool:
    """Return whether there are only blanks."""
    return _after_blanks(data, start, False) >= stop


@compiled
def count_regular_lines(data: np.ndarray, separator: int, width: int) -> int:
    """Return the number of lines, or -1 if one has another number of fields."""
    rows, fields = 0, 1
    for at in range(data.size):
        byte = data[at]
        fields += byte == separator
        if byte == LF:
            if fields != width:
                return -1
            rows += 1
            fields = 1
    return rows


@inlined
def _copy_bytes(
    data: np.ndarray, start: int, stop: int, out: np.ndarray, to: int
) -> int:
    for j in range(start, stop):
        out[to] = data[j]
        to += 1
    return to


@compiled
def _write_quoted(
    data: np.ndarray, start: int, stop: int, how: int, out: np.ndarray, to: int
) -> int:
    """Write a field in quotes, each quote within it doubled."""
    out[to] = QUOTE
    to += 1
    at, inside = start, False
    if how == MIXED:
        at, inside = start + 1, True
    while at < stop:
        if data[at] == QUOTE:
            if inside:
                if at + 1 < stop and data[at + 1] == QUOTE:
                    at += 1
                else:
                    inside = False
                    at += 1
                    continue
            out[to] = QUOTE
            to += 1
        out[to] = data[at]
        to += 1
        at += 1
    out[to] = QUOTE
    return to + 1


@inlined
def _write_fields(
    data: np.ndarray,
    quoted: bool,
    written: int,
    wanted: np.ndarray,
    fields: tuple[np.ndarray, np.ndarray, np.ndarray],
    out: np.ndarray,
    to: int,
) -> tuple[int, int]:
    """Write the wanted fields of one record; return where they end, and how it went."""
    first, last, kind = fields
    for k in range(wanted.size):
        if k:
            out[to] = written
            to += 1
        place = wanted[k]
        start, stop, how = int(first[place]), int(last[place]), int(kind[place])
        if how <= QUOTED:
            to = _copy_bytes(data, start, stop, out, to)
            continue
        enclosed = data[start] == QUOTE and data[stop - 1] == QUOTE
        if not quoted and enclosed and stop - start > 1:
            return to, LITERAL
        to = _write_quoted(data, start, stop, how, out, to)
    return to, DONE


@compiled
def rewrite(
    data: np.ndarray,
    final: bool,
    classes: np.ndarray,
    separator: np.ndarray,
    quoted: bool,
    runs: bool,
    skips: bool,
    comment: int,
    written: int,
    wanted: np.ndarray,
    width: int,
    out: np.ndarray,
    state: np.ndarray,
) -> None:
    """Write the wanted fields of whole records in the plain form.

    Args:
        data: Bytes of text that begin with a record.
        final: See ``record``.
        classes: See ``record``.
        separator: See ``record``.
        quoted: See ``record``.
        runs: See ``record``.
        skips: See ``record``.
        comment: The byte that begins a comment, or -1.
        written: The byte to write between fields.
        wanted: Places of the fields to write.
        width: How many fields a record has.
        out: Takes the plain form.
        state: Takes how it ended, bytes used, bytes written, records, lines, and the
            number of fields where that is wrong.
    """
    first = np.empty(width, np.int64)
    last = np.empty(width, np.int64)
    kind = np.empty(width, np.int64)
    # For a plain 0, numba would compile what is called here a second time.
    begin = int(np.int64(0))
    at, to, rows, seen = begin, begin, 0, 0
    status, fields = DONE, 0
    while at < data.size:
        if classes[data[at]] == END:
            at, seen = at + 1, seen + 1
            continue
        if data[at] == comment:
            after, fields, status = comment_line(data, at, final, classes, separator)
            if status == DONE and fields == width and width > 1:
                status = COMMENT
            if status != DONE:
                break
            at, seen = after, seen + 1
            continue
        after, fields, status, lines = record(
            data, at, final, classes, separator, quoted, runs, skips, first, last, kind
        )
        if status != DONE:
            break
        if fields == 1 and kind[0] == BARE and _is_blank(data, first[0], last[0]):
            at, seen = after, seen + lines
            continue
        if fields != width:
            status = RAGGED
            break
        fields_at = (first, last, kind)
        to, status = _write_fields(data, quoted, written, wanted, fields_at, out, to)
        if status != DONE:
            break
        out[to] = LF
        at, to, rows, seen = after, to + 1, rows + 1, seen + lines
    state[0], state[1], state[2] = status, at, to
    state[3], state[4], state[5] = rows, seen, fields
