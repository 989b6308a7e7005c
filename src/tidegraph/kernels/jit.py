"""Compiled kernels, and threads to run them on.

Kernels are compiled on first use, release the interpreter lock and are cached next to
their source file; where that folder is read-only numba falls back to the user's cache
folder, and ``NUMBA_CACHE_DIR`` names another one. Rows are spread over a thread pool
rather than over numba's own threads, whose barrier stalls beside other work.
"""

import inspect
import os
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core.runtime.nrt import rtsys

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")


def compiled(function: F) -> F:
    """Compile ``function`` to machine code; it keeps its signature and type."""
    return cast(F, _dispatcher(function, nogil=True))


def inlined(function: F) -> F:
    """Compile ``function`` into those that call it: for loops within a hot loop."""
    return cast(F, _dispatcher(function, nogil=True, forceinline=True))


def _dispatcher(function: Callable[..., Any], **options: bool) -> Any:
    # Shape checks wrapped around the function in tests are not compilable.
    plain = inspect.unwrap(function)
    dispatcher = cast(Any, numba).njit(cache=True, **options)(plain)
    # Under NUMBA_DISABLE_JIT it is the plain function.
    if hasattr(dispatcher, "_cache"):
        _load_without_compiler(dispatcher._cache)
        _pass_over_what_moved(dispatcher._cache)
        _compile_for_types(dispatcher)
    return dispatcher


def _compile_for_types(dispatcher: Any) -> None:
    """Have a number that another kernel writes out taken as any number of its type.

    Numba would compile the function for ``0`` first and for numbers then, wherever a
    loop begins with ``found = 0`` and goes on with ``found = push(..., found, ...)``.
    """
    template, of = dispatcher.get_call_template, cast(Any, numba).types.unliteral

    def of_types(args: Any, named: Any) -> Any:
        plain = {name: of(kind) for name, kind in named.items()}
        return template(tuple([of(kind) for kind in args]), plain)

    dispatcher.get_call_template = of_types


def _load_without_compiler(kept: Any) -> None:
    """Have machine code that was kept read without what only a compiler needs.

    Numba loads all that it can translate before it reads any, which takes as long as
    importing it; a kernel that is not there is compiled, which loads it then.
    """
    runtime = cast(Any, rtsys)

    def load(signature: Any, target: Any) -> Any:
        runtime.initialize(target)
        with kept._guard_against_spurious_io_errors():
            return kept._load_overload(signature, target)

    kept.load_overload = load


def _pass_over_what_moved(kept: Any) -> None:
    """Have kernels compiled anew whose list on disk names types that have moved since.

    Numba reads the list before it looks whether the source is still the same.
    """
    if not hasattr(kept, "_cache_file"):
        return
    read = kept._cache_file._load_index

    def load_index() -> Any:
        try:
            return read()
        except (ImportError, AttributeError):
            return {}

    kept._cache_file._load_index = load_index


def sealed(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return views that cannot be written.

    A kernel is compiled once for these, whether what it gets could be written or not.
    """
    return tuple([_read_only(a) if a.flags.writeable else a for a in arrays])


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.setflags(write=False)
    return view


_THREAD = threading.local()


@cache
def _thread_pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="tidegraph")


if hasattr(os, "register_at_fork"):
    # A child has the pool but none of its threads, and would wait for them for ever.
    os.register_at_fork(after_in_child=_thread_pool.cache_clear)


def cpu_count() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_SPREAD: dict[str, int] = {}


@contextmanager
def use_threads(threads: int, grain: int) -> Generator[None]:
    """Have ``over_rows`` use so many threads, and blocks of so many rows.

    For the test that nothing depends on them; it concerns the whole process.
    """
    _SPREAD.update(threads=threads, grain=grain)
    try:
        yield
    finally:
        _SPREAD.clear()


def _thread_count() -> int:
    return _SPREAD.get("threads") or cpu_count()


def over_rows(kernel: Callable[[int, int], None], rows: int, grain: int = 256) -> None:
    """Call ``kernel(start, stop)`` on consecutive blocks of rows, on all processors.

    Each block must write only its own rows, so the result does not depend on the
    number of threads.

    Args:
        kernel: Works on rows ``start`` to ``stop``, typically a compiled function.
        rows: How many rows there are.
        grain: Rows in a block. The calling thread takes one block after the other, and
            as many others as there are processors take theirs beside it. A call from
            within a block stays on its thread.
    """
    grain = _SPREAD.get("grain", grain)
    # A helper that waited for other helpers could wait for ever.
    alone = rows <= grain or getattr(_THREAD, "works", False)
    others = 0 if alone else _thread_count() - 1
    if not others:
        kernel(0, rows)
        return
    starts = range(0, rows, grain)
    left = iter(starts)

    def work() -> None:
        _THREAD.works = True
        try:
            for start in left:
                kernel(start, min(rows, start + grain))
        finally:
            # Once a block failed, nobody begins another.
            for _ in left:
                pass

    helped = [
        _thread_pool(others).submit(work) for _ in range(min(others, len(starts) - 1))
    ]
    failures = list[BaseException | None]()
    try:
        work()
    finally:
        _THREAD.works = False
        # One that has not begun would find nothing left: nobody waits for its turn.
        failures += [one.exception() for one in helped if not one.cancel()]
    for failure in failures:
        if failure is not None:
            raise failure


def over_rows_in(
    room: Callable[[], R],
    kernel: Callable[[R, int, int], None],
    rows: int,
    grain: int = 256,
) -> None:
    """Call ``kernel(room(), start, stop)`` as ``over_rows`` does.

    Each thread makes its room once and hands it on from block to block, so that room
    for a whole catalogue is not made anew for a few rows. A kernel leaves it as it was.

    Args:
        room: Makes the arrays that a thread works in.
        kernel: Works on rows ``start`` to ``stop``.
        rows: How many rows there are.
        grain: Rows in a block.
    """
    own = threading.local()

    def block(start: int, stop: int) -> None:
        if not hasattr(own, "room"):
            own.room = room()
        kernel(own.room, start, stop)

    over_rows(block, rows, grain)
