"""A kernel is compiled by one worker of the tests; the others wait and load it.

numba keeps on disk what it compiled. But workers that begin together need the same
kernels at the same time, so each would compile them, and each would write its own list
of what is kept, without what the other added.
"""

import os
from functools import cache
from typing import Any

from filelock import FileLock
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher

_compile: Any = Dispatcher.compile


def compiled_by_one_worker() -> None:
    """Have each kernel locked while it is compiled, if there are other workers."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        Dispatcher.compile = compiled_alone


def compiled_alone(kernel: Any, signature: Any) -> Any:
    """Compile a kernel or load it, while no other process does.

    Who calls is locked before whom it calls, in every process, so that no two wait for
    each other; so is numba's own lock, which only one thread of a process has.
    """
    kept = getattr(kernel._cache, "_cache_file", None)
    if kept is None:
        return _compile(kernel, signature)
    with global_compiler_lock, _lock_of(kept._index_path):
        return _compile(kernel, signature)


@cache
def _lock_of(index: str) -> FileLock:
    return FileLock(f"{index}.lock", thread_local=False)
