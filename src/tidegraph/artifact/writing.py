"""Files and folders written aside and put in place: all of them or nothing."""

import ctypes
import errno
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from tidegraph.artifact.aside import OLD, held, is_aside, written_aside
from tidegraph.errors import ArtifactError


@contextmanager
def replaced_folder(
    folder: str | os.PathLike[str], manifest: str, what: str
) -> Generator[Path, None, None]:
    """Give a folder to write aside; put it in place of ``folder`` if all goes well.

    Args:
        folder: Where; what holds the manifest is replaced, anything else left alone.
        manifest: Name of a file that every such folder has.
        what: What such a folder is, for messages.

    Raises:
        ArtifactError: The place holds something else, or cannot be written.
    """
    target = Path(folder)
    refuse_other(target, manifest, what)
    recovered(target, manifest)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(target, partial(Path.mkdir, mode=0o700)) as aside:
            yield aside
            _swap_paths(aside, target)
    except OSError as error:
        raise ArtifactError(
            f"cannot save to {target}: {_reason(error, target)}. "
            "Nothing was changed there; free the space or choose another folder."
        ) from error


@contextmanager
def replaced(path: str | os.PathLike[str]) -> Generator[Path, None, None]:
    """Give a place to write a file aside; rename it to ``path`` if all goes well.

    Raises:
        ArtifactError: The file cannot be written; what was at ``path`` is untouched.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(target, Path.touch) as aside:
            yield aside
            aside.replace(target)
    except OSError as error:
        raise ArtifactError(
            f"cannot write {target}: {_reason(error, target)}. "
            "Free the space or choose another place."
        ) from error


def _reason(error: OSError, target: Path) -> str:
    """Return why a place cannot be written, also where a library's words do not say.

    Of a write that was cut short numpy tells how many numbers were written, and polars
    gives the number of the error in its text alone.
    """
    short = r"\d+ requested and \d+ written|.*\(os error 28\)"
    if error.errno != errno.ENOSPC and not re.fullmatch(short, str(error)):
        return error.strerror or str(error)
    with suppress(OSError):
        free = shutil.disk_usage(target.parent).free
        return f"the disk is full, as {free:,} bytes are free there and more are needed"
    return "the disk is full"


def recovered(folder: str | os.PathLike[str], manifest: str) -> None:
    """Put back what stood at a place that a writer left empty as it was killed.

    Only who writes there may call it: another may be between its two renames.

    Args:
        folder: The place.
        manifest: Name of a file that every such folder has.

    Raises:
        ArtifactError: It cannot be put back.
    """
    target = Path(folder).absolute()
    if target.exists() or not target.parent.is_dir():
        return
    left = [
        place
        for place in target.parent.iterdir()
        if is_aside(place, target, old=True) and (place / manifest).is_file()
    ]
    if left:
        try:
            max(left, key=lambda place: place.stat().st_mtime_ns).rename(target)
        except OSError as error:
            raise ArtifactError(
                f"cannot put {target} back: {error.strerror or error}."
            ) from error


def new_secret(path: Path, content: bytes) -> bool:
    """Write a file for its owner alone, whole and on the disk, where there is none.

    Returns whether this process made it: of several at once one does.

    Args:
        path: Where; its folder is made.
        content: All of it.

    Raises:
        OSError: It cannot be written; nothing is there that was not before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path, partial(Path.touch, mode=0o600)) as aside:
        with open(aside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            # Unlike a rename, a link takes no other's place.
            os.link(aside, path)
        except FileExistsError:
            return False
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


def private_file(path: Path) -> None:
    """Let a file be there that its owner alone may read; what it holds stays.

    Raises:
        OSError: It cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def refuse_other(target: Path, manifest: str, what: str) -> None:
    """Refuse a place that holds something of another kind.

    Raises:
        ArtifactError: It does.
    """
    try:
        there = target.exists()
    except (OSError, ValueError) as error:
        raise ArtifactError(f"cannot save to {str(target)!r}: {error}.") from error
    if not there or (target / manifest).is_file():
        return
    if not target.is_dir() or any(target.iterdir()):
        raise ArtifactError(
            f"{target} exists and is not {what}. Choose another folder."
        )


def check_file(path: str | os.PathLike[str]) -> None:
    """Find out before long work whether a file can be written at ``path``.

    Raises:
        ArtifactError: It cannot; nothing was changed.
    """
    if Path(path).is_dir():
        raise ArtifactError(f"cannot write {path}: it is a folder. Name a file.")
    check_writable(path)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out before long work whether something can be written at ``path``.

    Raises:
        ArtifactError: It cannot; nothing was changed.
    """
    home = Path(path).absolute().parent
    while not home.exists() and home != home.parent:
        home = home.parent
    try:
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise ArtifactError(
            f"cannot write {path}: {error.strerror or error}. Choose another place."
        ) from error


def _swap_paths(aside: Path, target: Path) -> None:
    """Put ``aside`` in the place of ``target``, at which something is at all times.

    What was there is then at ``aside``. Where the system cannot exchange two folders,
    there is nothing at ``target`` between two renames.
    """
    os.chmod(aside, 0o755)
    if not target.exists():
        aside.rename(target)
        return
    if _exchange(aside, target):
        return
    old = aside.with_name(aside.name + OLD)
    with held(target):
        target.rename(old)
        try:
            aside.rename(target)
        except BaseException:
            old.rename(target)
            raise
        old.rename(aside)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, and return whether that was done."""
    call, place, flag = _exchange_call()
    if call is None:
        return False
    # A file system that does not know how refuses it, as do the two renames then.
    return call(place, os.fsencode(one), place, os.fsencode(other), flag) == 0


@cache
def _exchange_call() -> tuple[Any, int, int]:
    """Return what exchanges two paths, the folder they are seen from, and the flag."""
    names = {"linux": ("renameat2", -100, 2), "darwin": ("renameatx_np", -2, 2)}
    name, place, flag = names.get(sys.platform, ("", 0, 0))
    # An older library has no such call.
    call: Any = getattr(ctypes.CDLL(None), name, None) if name else None
    if call is not None:
        path, number = ctypes.c_char_p, ctypes.c_int
        call.argtypes = [number, path, number, path, ctypes.c_uint]
    return call, place, flag


def drop_cut_line(path: Path) -> None:
    """Cut off a last line whose writing was stopped midway, so that another can follow.

    Args:
        path: A file that grows by lines; nothing is done where there is none.
    """
    if not path.exists():
        return
    held = path.read_bytes()
    whole = held.rfind(b"\n") + 1
    if whole != len(held):
        os.truncate(path, whole)
