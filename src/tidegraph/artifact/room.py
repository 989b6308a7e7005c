"""Room behind arrays that are mapped from a file: they grow without a copy.

The same pages of the file are mapped once more, with empty pages behind them. Nothing
is read or written by that: what is not touched stays in the file, shared by all who map
it, and the room takes memory only where something is written. Where a system has no
such call, the array is copied.
"""

import ctypes
import mmap
import os
import sys
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

import numpy as np

T = TypeVar("T")

_ROOM = 16 if os.name == "posix" else 3
"""An array that grows has room for this many times what it holds. Room takes no memory
before something is written there, and a copy of all that is held stops who writes."""
_LESS = 3
"""So many times where a system gives out no more than it has."""
_FIXED = 0x10
"""``MAP_FIXED``: at that address and no other; the same on Linux and macOS."""


class Mapped(np.memmap):
    """The bytes of a file, mapped from its start, and its number: it stays open.

    The folder of a file may be replaced; the file that was opened remains what it was.
    """

    file: int | None = None


def mapped(path: str | os.PathLike[str]) -> Mapped:
    """Return the bytes of a file; what is written to them stays in this process.

    Raises:
        OSError: It cannot be read.
        ValueError: It is empty.
    """
    number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        with open(number, "rb", closefd=False) as file:
            whole = cast(Mapped, Mapped(cast(Any, file), np.uint8, mode="c"))
    except BaseException:
        os.close(number)
        raise
    whole.file = number
    weakref.finalize(whole, os.close, number)
    return whole


def roomy(make: Callable[[int], T], used: int) -> T:
    """Return what is made with room for many times what is used, to be written later.

    Args:
        make: Makes it, with room for so many entries.
        used: How many there are.
    """
    try:
        return make(_ROOM * used)
    except MemoryError:
        return make(_LESS * used)


def with_room(held: np.ndarray, size: int) -> np.ndarray:
    """Return an array of ``size`` entries that begins with those held.

    Entries behind them are to be written before they are read. The array held stays as
    it is, whatever is written to the other.
    """
    longer = _map_again(held, size)
    if longer is None:
        longer = np.empty(size, held.dtype)
        longer[: len(held)] = held
    return longer


def is_mapped(array: np.ndarray) -> bool:
    """Does an array lie in a file that ``mapped`` opened?"""
    return _mapped_base(array) is not None


def _mapped_base(array: np.ndarray) -> Mapped | None:
    base: object = array
    while isinstance(base, np.ndarray):
        if isinstance(base, Mapped):
            return base if base.file is not None else None
        base = base.base
    return None


def _map_again(held: np.ndarray, size: int) -> np.ndarray | None:
    """Map the pages of an array once more, with room; none where that cannot be."""
    whole, call = _mapped_base(held), _map_call()
    if whole is None or whole.file is None or call is None or not held.nbytes:
        return None
    begin = held.ctypes.data - whole.ctypes.data
    head = begin % mmap.ALLOCATIONGRANULARITY
    try:
        room = mmap.mmap(
            -1, head + size * held.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        )
    except OSError:
        return None
    there = np.frombuffer(room, np.uint8)
    found = call(
        there.ctypes.data,
        head + held.nbytes,
        mmap.PROT_READ | mmap.PROT_WRITE,
        mmap.MAP_PRIVATE | _FIXED,
        whole.file,
        begin - head,
    )
    if found != there.ctypes.data:
        return None
    return there[head : head + size * held.itemsize].view(held.dtype)


@cache
def _map_call() -> Any:
    if sys.platform not in ("linux", "darwin") or sys.maxsize < 2**32:
        return None
    call: Any = ctypes.CDLL(None).mmap
    call.restype = ctypes.c_size_t
    call.argtypes = [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_long,
    ]
    return call
