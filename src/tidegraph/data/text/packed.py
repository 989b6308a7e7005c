"""Files as streams of bytes, unpacked on the way, told by their first bytes."""

import bz2
import gzip
import importlib
import lzma
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tidegraph.errors import DataError
from tidegraph.extras import needed

MAX_EXPANSION = 100
"""A packed table may not grow by more than this factor ..."""
ALWAYS_ALLOWED = 64 * 2**20
"""... unless it stays below this many bytes."""
CHUNK = 1 << 20
"""Bytes that are read at once."""
_GZIP, _BZIP, _XZ, _ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"


@runtime_checkable
class _Bytes(Protocol):
    """What bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer at the end."""
        ...


def chunks(path: Path, size: int = CHUNK) -> Iterator[bytes]:
    """Yield the bytes of a file, unpacked.

    Raises:
        DataError: The file cannot be opened or unpacked, or grows absurdly large.
        MissingExtraError: It is packed by Zstandard and nothing here unpacks that.
    """
    limit = 0
    with _opened_unpacked(path) as (file, packed):
        if packed:
            limit = max(ALWAYS_ALLOWED, MAX_EXPANSION * path.stat().st_size)
        done = 0
        while block := _read_block(file, size, path):
            done += len(block)
            if packed and done > limit:
                raise DataError(
                    f"{path} unpacks to more than {limit:,} bytes, which is over "
                    f"{MAX_EXPANSION} times its size. Unpack it yourself if you trust "
                    "it, and read the unpacked file."
                )
            yield block


def head(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, unpacked.

    Raises:
        DataError: The file cannot be opened or unpacked, or is empty.
    """
    parts: list[bytes] = []
    for block in chunks(path, size):
        parts.append(block)
        if sum(map(len, parts)) >= size:
            break
    if not parts:
        raise DataError(
            f"{path} is empty. It needs the column names and at least one row."
        )
    return b"".join(parts)


@contextmanager
def _opened_unpacked(path: Path) -> Generator[tuple[_Bytes, bool], None, None]:
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder. Name one file in it.")
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}. Check the path.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}.") from error
    with file:
        first = file.read(6)
        file.seek(0)
        if first.startswith(_GZIP):
            yield gzip.GzipFile(fileobj=file), True
        elif first.startswith(_BZIP):
            yield bz2.BZ2File(file), True
        elif first.startswith(_XZ):
            yield lzma.LZMAFile(file), True  # noqa: SIM115
        elif first.startswith(_ZSTD):
            yield _zstandard_stream(file), True
        else:
            yield file, False


def _zstandard_stream(file: _Bytes) -> _Bytes:
    with needed("pyarrow", "frames", "reading a .zst file"):
        # Heavy, and only such files need it.
        arrow: Any = importlib.import_module("pyarrow")
    return arrow.CompressedInputStream(file, "zstd")


def _read_block(file: _Bytes, size: int, path: Path) -> bytes:
    try:
        return file.read(size)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(
            f"{path} cannot be unpacked: {error}. Download or pack it again."
        ) from error
