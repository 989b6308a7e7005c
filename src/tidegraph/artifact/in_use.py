"""A folder that one process at a time writes to, the others being told at once.

The lock ends with its process, however that ends, so what was killed leaves none. Where
a file system has no locks, nobody is kept out.
"""

import importlib
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from tidegraph.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOCK = ".lock"
_FAR = 1 << 30
"""Windows keeps others from reading what is locked, so a byte beyond the words is."""


@contextmanager
def used_alone(
    folder: Path | None, what: str, instead: str
) -> Generator[None, None, None]:
    """Keep other processes, and other calls of this one, out of a folder.

    Args:
        folder: Which; it is made. Nothing is done where there is none.
        what: What uses it, for the error message.
        instead: What another folder would be for, for the error message.

    Raises:
        ConfigError: Another uses it.
    """
    if folder is None:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:  # Whoever writes there says what is wrong with it.
        yield
        return
    try:
        if not _lock(lock):
            holder = os.read(lock, 32).decode(errors="replace").strip()
            raise ConfigError(
                f"{folder} is in use by another {what} (process {holder}). Wait until "
                f"it ends, or name another folder {instead}."
            )
        with suppress(OSError):
            os.ftruncate(lock, 0)
            os.write(lock, f"{os.getpid()}\n".encode())
        yield
    finally:
        _unlock(lock)


def _lock(lock: int) -> bool:
    """Return whether nobody else holds it; where there are no locks, nobody does."""
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        msvcrt = cast(Any, importlib.import_module("msvcrt"))
        os.lseek(lock, _FAR, os.SEEK_SET)
        msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    finally:
        os.lseek(lock, 0, os.SEEK_SET)
    return True


def _unlock(lock: int) -> None:
    """Let it go, from processes that this one has forked, too."""
    with suppress(OSError):
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)
