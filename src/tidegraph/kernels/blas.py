"""How many threads the matrix library may use."""

from contextlib import AbstractContextManager
from typing import Any, cast

from threadpoolctl import threadpool_limits


def blas_threads(count: int) -> AbstractContextManager[None]:
    """Let the matrix library use so many threads within a block.

    Its threads wait for one another in a loop. Products of small matrices, and any
    beside threads of our own, are many times faster on one: the derivatives of a
    logistic regression of 1 M rows took 0.3 s on one thread and 10 s on two that
    others were using as well.
    """
    return cast(Any, threadpool_limits)(count, user_api="blas")
