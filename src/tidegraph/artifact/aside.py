"""What is written aside: held by who writes it, removed once nobody does.

A writer that is killed leaves what it wrote, perhaps with ids that were erased since;
the next one to write at that place removes it. Who writes holds a lock, which ends with
the process. Where a system or a file system has no locks, nothing is removed.
"""

import os
import re
import secrets
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PARTIAL = ".partial"
"""How names of what is being written end, and with ``OLD`` of what makes way for it."""
OLD = ".old"


@contextmanager
def written_aside(
    target: Path, make: Callable[[Path], object]
) -> Generator[Path, None, None]:
    """Give a place beside ``target`` to write to, which is gone in the end.

    What killed writers left beside it is removed.

    Args:
        target: What is written for; its folder is there.
        make: Makes the file or the folder to write to.

    Raises:
        OSError: It cannot be made.
    """
    remove_abandoned(target)
    while True:
        name = f".{target.name}.{secrets.token_hex(4)}{PARTIAL}"
        place = target.parent / name
        make(place)
        lock = _lock_place(place)
        if place.exists():
            break
        # Another took it for abandoned before it was held.
        _unlock(lock)
    try:
        yield place
    finally:
        _unlock(lock)
        _remove(place)


@contextmanager
def held(place: Path) -> Generator[None, None, None]:
    """Keep others from taking what is at a place for abandoned, wherever it moves."""
    lock = _lock_place(place)
    try:
        yield
    finally:
        _unlock(lock)


def remove_abandoned(target: Path) -> None:
    """Remove what killed writers left beside a place, and nobody holds.

    What made way for another stays until there is something at the place.
    """
    try:
        beside = list(target.parent.iterdir())
    except OSError:  # A folder may be written to and not be listed.
        return
    for place in beside:
        old = place.name.endswith(OLD)
        if not is_aside(place, target, old=old) or (old and not target.exists()):
            continue
        lock = _lock_place(place, alone=True)
        if lock is not None:
            _remove(place)
        _unlock(lock)


def is_aside(place: Path, target: Path, *, old: bool = False) -> bool:
    """Is a place named as what is written for ``target``, or made way for that?"""
    end = re.escape(PARTIAL + OLD if old else PARTIAL)
    return bool(
        re.fullmatch(rf"\.{re.escape(target.name)}\.[a-z0-9]+{end}", place.name)
    )


def _lock_place(place: Path, *, alone: bool = False) -> int | None:
    """Return what holds a place, with others or alone; none where it cannot be held."""
    if fcntl is None:
        return None
    how = fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH
    try:
        lock = os.open(place, os.O_RDONLY)
    except OSError:
        return None
    try:
        # Folders can be locked as files can, and the lock moves with what is locked.
        fcntl.flock(lock, how)
    except OSError:
        os.close(lock)
        return None
    return lock


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
        return
    with suppress(OSError):
        place.unlink()
