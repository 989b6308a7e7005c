"""Text of any encoding as UTF-8, a chunk at a time."""

import codecs
from collections.abc import Iterator
from dataclasses import replace

from tidegraph.data.text.dialect import OtherFormError, TextForm
from tidegraph.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OLD = ("cp1252", "latin-1")


def encoding_of(head: bytes, name: str) -> str:
    """Return the encoding of a text by its first bytes.

    A mark at its start says it, or the zeros of UTF-16 do, or all of it is UTF-8;
    else it is Windows-1252, or Latin-1 where a byte is none of the former.

    Raises:
        DataError: There are other zeros, so it is no text.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        even, odd = head[::2].count(0), head[1::2].count(0)
        if len(head) > 7 and min(even, odd) * 20 < max(even, odd) > len(head) // 8:
            return "utf-16-le" if odd > even else "utf-16-be"
        raise DataError(
            f"{name} is not text: byte {head.index(0)} is zero. "
            "Save it as UTF-8 text, or check that it is the right file."
        )
    if head.isascii():
        return "utf-8"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError as error:
        _refuse_mixture(head, error.start, name)
        return _OLD[0] if _decodes(head, _OLD[0]) else _OLD[1]
    return "utf-8"


def as_utf8(
    chunks: Iterator[bytes], encoding: str, name: str, form: TextForm
) -> Iterator[bytes]:
    """Yield the same text in UTF-8, without a mark at its start.

    Raises:
        OtherFormError: A later chunk shows that the encoding is another.
        DataError: The encoding was said, and the text is not in it.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    # ASCII is its own UTF-8, and nothing is left over within it.
    plain, foreign, first = encoding == "utf-8", False, True
    line = 1
    for chunk in chunks:
        if plain and chunk.isascii() and not decoder.getstate()[0]:
            first = False
            line += chunk.count(b"\n")
            yield chunk
            continue
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            raise _other_encoding_error(
                error, encoding, name, form, foreign, line
            ) from error
        line += chunk.count(b"\n")
        foreign = True
        if first:
            text = text.removeprefix("\ufeff")
        first = first and not text
        yield text.encode("utf-8", "surrogatepass")
    try:
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise _other_encoding_error(
            error, encoding, name, form, foreign, line
        ) from error


def _other_encoding_error(
    error: UnicodeDecodeError,
    encoding: str,
    name: str,
    form: TextForm,
    foreign: bool,
    line: int,
) -> Exception:
    """Return what to do about a chunk that is not in the encoding."""
    above = error.object[: error.start]
    byte = error.object[error.start : error.start + 1].hex()
    reason = DataError(
        f"{name}, line {line + above.count(10)}: byte 0x{byte} is not {encoding} "
        f"({error.reason}). Mend the line, or say the encoding of the file."
    )
    if form.encoding is not None and form.encoding not in _OLD:
        return reason
    if encoding == "utf-8":
        if foreign or not above.isascii():
            return reason
        return OtherFormError(replace(form, encoding=_OLD[0]), reason)
    if encoding == _OLD[0]:
        return OtherFormError(replace(form, encoding=_OLD[1]), reason)
    return reason


def _refuse_mixture(head: bytes, at: int, name: str) -> None:
    """Refuse text of which some lines are UTF-8 and others are not."""
    line = head[:at].count(10) + 1
    said = f"{name}, line {line}: byte 0x{head[at]:02x} is not UTF-8, and"
    mend = "is. Mend the lines, or say the encoding."
    if not head[:at].isascii():
        raise DataError(f"{said} what stands above {mend}")
    for below, text in enumerate(head.split(b"\n")[line:], line + 1):
        if not text.isascii() and _decodes(text, "utf-8"):
            raise DataError(f"{said} line {below} {mend}")


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        head.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
