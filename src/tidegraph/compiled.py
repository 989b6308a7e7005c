"""The one door to numba: compiled kernels, and threads to run them on.

Kernels are compiled on first use, release the interpreter lock and are cached next to
their source file; where that folder is read-only numba falls back to the user's cache
folder, and ``NUMBA_CACHE_DIR`` names another one. Rows are spread over a thread pool
rather than over numba's own threads, whose barrier stalls beside other work.
"""

import inspect
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile ``function`` to machine code; it keeps its signature and type."""
    # Shape checks wrapped around the function in tests are not compilable.
    plain = inspect.unwrap(function)
    return cast(F, cast(Any, numba).njit(cache=True, nogil=True)(plain))


def _prefetch(typing: Any, array: Any, index: Any) -> Any:
    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        held = context.make_array(signature.args[0])(context, builder, args[0])
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        declare = cast(Any, cgutils).get_or_insert_function
        fetch = declare(builder.module, kind, "llvm.prefetch.p0")
        place = builder.bitcast(builder.gep(held.data, [args[1]]), byte)
        # To be read, to be kept in every cache, data.
        builder.call(fetch, [place, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generated


prefetch = cast(Callable[[np.ndarray, int], None], intrinsic(_prefetch))
"""Begin to fetch ``array[index]`` into the cache; only inside a compiled function.

A kernel that waits for memory asks for the numbers of many rows first and reads them in
a second pass: reads that are asked for do not wait for one another. A place outside the
array does no harm.
"""


_THREAD = threading.local()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="tidegraph")


def cpu_count() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def over_rows(kernel: Callable[[int, int], None], rows: int, grain: int = 256) -> None:
    """Call ``kernel(start, stop)`` on consecutive blocks of rows, on all processors.

    Each block must write only its own rows, so the result does not depend on the
    number of threads.

    Args:
        kernel: Works on rows ``start`` to ``stop``, typically a compiled function.
        rows: How many rows there are.
        grain: Rows in a block; fewer rows than this run on the calling thread, and so
            does a call from within a block.
    """
    threads = cpu_count()
    # A worker that waited for other workers could wait for ever.
    if rows <= grain or threads == 1 or getattr(_THREAD, "works", False):
        kernel(0, rows)
        return

    def block(start: int) -> None:
        _THREAD.works = True
        kernel(start, min(rows, start + grain))

    for _ in _pool(threads).map(block, range(0, rows, grain)):
        pass
