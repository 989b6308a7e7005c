"""The text of a file as UTF-8, piece by piece: unpacked and decoded on the way.

An encoding that is not said is found by a byte order mark, by the zero bytes of
UTF-16, or by the first byte that is not ASCII: what is valid UTF-8 there is UTF-8, else
the file is in the Windows code page 1252. UTF-8 that breaks further on is refused.
"""

import bz2
import codecs
import gzip
import importlib
import lzma
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, cast, runtime_checkable

from tidegraph.errors import DataError, MissingExtraError

MAX_EXPANSION = 100
"""A packed table may not grow by more than this factor ..."""
ALWAYS_ALLOWED = 64 * 2**20
"""... unless it stays below this many bytes."""
PIECE = 1 << 22
"""Bytes read at a time."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 1 << 12
_WINDOW = 1 << 16


@runtime_checkable
class Readable(Protocol):
    """Bytes that can be read in order."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, none at the end."""
        ...


def head_of(path: Path, size: int = _SAMPLE) -> bytes:
    """Return the first bytes of a file, unpacked.

    Raises:
        DataError: There is no such file, it is empty, or it cannot be unpacked.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder. Name one file in it.")
    with unpacked(path) as file:
        head = file.read(size)
    if not head:
        raise DataError(
            f"{path} is empty. It needs the column names and at least one row."
        )
    return head


@contextmanager
def unpacked(path: Path) -> Generator[Readable, None, None]:
    """Open a file, unpacking gzip, bzip2, xz and Zstandard as it is read.

    Raises:
        DataError: There is no such file, or it cannot be unpacked.
        MissingExtraError: It is packed by Zstandard, and no package unpacks that.
    """
    try:
        with open(path, "rb") as file:
            magic = file.read(6)
            file.seek(0)
            opened = _unpacking(path, file, magic)
            if opened is None:
                yield file
            else:
                yield _Limited(path, opened)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}. Check the path.") from error
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path} cannot be unpacked: {error}. Download or pack it again."
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _unpacking(path: Path, file: IO[bytes], magic: bytes) -> Readable | None:
    if magic.startswith(b"\x1f\x8b"):
        return cast(Readable, gzip.open(file, "rb"))
    if magic.startswith(b"BZh"):
        return cast(Readable, bz2.open(file, "rb"))
    if magic.startswith(b"\xfd7zXZ\x00"):
        return cast(Readable, lzma.open(file, "rb"))
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstandard(path, file)
    if magic.startswith(b"PK\x03\x04"):
        what = "an Excel workbook" if path.suffix == ".xlsx" else "a zip archive"
        mend = "Save it as CSV" if path.suffix == ".xlsx" else "Unpack it first"
        raise DataError(f"{path} is {what}. {mend}.")
    return None


def _zstandard(path: Path, file: Readable) -> Readable:
    try:
        arrow: Any = importlib.import_module("pyarrow")
    except ImportError as error:
        raise MissingExtraError("pyarrow", "frames", f"unpacking {path}") from error
    return cast(Readable, arrow.CompressedInputStream(file, "zstd"))


class _Limited:
    """Reads what is unpacked, giving up as soon as it is absurdly large."""

    def __init__(self, path: Path, file: Readable) -> None:
        self._path, self._file = path, file
        self._limit = max(ALWAYS_ALLOWED, MAX_EXPANSION * path.stat().st_size)
        self._read = 0

    def read(self, size: int, /) -> bytes:
        piece = self._file.read(size)
        self._read += len(piece)
        if self._read > self._limit:
            raise DataError(
                f"{self._path} unpacks to more than {self._limit:,} bytes, which is "
                f"over {MAX_EXPANSION} times its size. Unpack it yourself if you trust "
                "it, and read the unpacked file."
            )
        return piece


def encoding_of(path: Path, said: str | None = None) -> str:
    """Return the encoding of a file, as Python calls it.

    Args:
        path: The file, perhaps packed.
        said: The encoding that the caller names, if any.

    Raises:
        DataError: There is no such encoding, or the file is no text.
    """
    if said is not None:
        try:
            found = codecs.lookup(said).name
        except LookupError as error:
            raise DataError(
                f"there is no encoding {said!r}. Name one such as utf-8, latin-1, "
                "cp1252, utf-16, gbk or shift_jis."
            ) from error
        return "utf-8-sig" if found == "utf-8" else found
    head = head_of(path)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return _of_zeros(path, head)
    return _of_first_letter(path)


def _of_zeros(path: Path, head: bytes) -> str:
    even, odd = head[::2].count(0), head[1::2].count(0)
    for few, many, name in ((even, odd, "utf-16-le"), (odd, even, "utf-16-be")):
        if not few and many * 4 > len(head) > 15:
            return name
    raise DataError(
        f"{path} is not text: byte {head.index(0)} is zero. Save it as UTF-8 text, or "
        "check that it is the right file."
    )


def _of_first_letter(path: Path) -> str:
    with unpacked(path) as file:
        while piece := file.read(PIECE):
            if piece.isascii():
                continue
            first = next(at for at, byte in enumerate(piece) if byte > 127)
            window = piece[first : first + _WINDOW]
            window += file.read(_WINDOW - len(window)) if len(window) < _WINDOW else b""
            try:
                codecs.getincrementaldecoder("utf-8")().decode(window)
            except UnicodeDecodeError as error:
                return "utf-8-sig" if error.start else "cp1252"
            break
    return "utf-8-sig"


def text_pieces(path: Path, encoding: str, size: int = PIECE) -> Iterator[bytes]:
    """Yield the text of a file in UTF-8, without a byte order mark.

    Raises:
        DataError: A byte does not belong to the encoding; the message names the line.
    """
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    utf8 = encoding == "utf-8-sig"
    line, whole = 1, False
    with unpacked(path) as file:
        while piece := file.read(size):
            if utf8 and whole and piece.isascii():
                yield piece
            else:
                text = _decoded(decoder, piece, path, encoding, line)
                yield text.encode("utf-8", "surrogatepass")
                whole = not decoder.getstate()[0]
            line += piece.count(b"\n")
        _decoded(decoder, b"", path, encoding, line)


def _decoded(decoder: Any, piece: bytes, path: Path, encoding: str, lines: int) -> str:
    try:
        return decoder.decode(piece, final=not piece)
    except UnicodeDecodeError as error:
        line = lines + error.object[: error.start].count(b"\n")
        byte = error.object[error.start] if error.start < len(error.object) else 0
        name = "utf-8" if encoding == "utf-8-sig" else encoding
        raise DataError(
            f"{path.name}, line {line}: byte 0x{byte:02x} is not {name}. Pass the "
            "encoding of the file, such as encoding='latin-1', or mend the line."
        ) from error
