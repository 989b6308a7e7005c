"""Products of a sparse matrix with many vectors, and what their gradients need.

A row is added up in the order of its entries, by one thread: the bits do not depend on
how many there are. Vectors are fetched ahead of their use, since they lie anywhere.
"""

import numpy as np
from jaxtyping import Float, Int32, Int64

from tidegraph.kernels.intrinsics import prefetch
from tidegraph.kernels.jit import compiled, cpu_count, over_rows

_GRAIN = 512  # Rows that a thread takes at a time.
_AHEAD = 8  # Entries from one whose vector is fetched to one that is added.
_LINE = 64  # Bytes that memory hands over at once.


def weighted_sums(
    ptr: Int64[np.ndarray, " starts"],
    column: Int32[np.ndarray, " entries"],
    weight: Float[np.ndarray, " entries"],
    vectors: Float[np.ndarray, "m d"],
) -> Float[np.ndarray, "n d"]:
    """Return for each row the sum of the vectors of its columns, times their weights.

    Args:
        ptr: Where each row's entries start.
        column: The column of each entry.
        weight: Its value.
        vectors: One for each column.
    """
    out = np.empty((len(ptr) - 1, vectors.shape[1]), vectors.dtype)
    line = max(_LINE // vectors.itemsize, 1)
    over_rows(
        lambda a, b: _write_weighted_sums(
            ptr, column, weight, vectors, line, out, a, b
        ),
        len(out),
        _GRAIN,
    )
    return out


def spread_sums(
    ptr: Int64[np.ndarray, " starts"],
    column: Int32[np.ndarray, " entries"],
    weight: Float[np.ndarray, " entries"],
    vectors: Float[np.ndarray, "n d"],
    columns: int,
) -> Float[np.ndarray, "m d"]:
    """Return for each column the sum of the vectors of its rows, times the weights.

    This is the product with the matrix turned around, without turning it around: what
    is used once is not worth sorting. Threads share out the numbers of the vectors.

    Args:
        ptr: Where each row's entries start.
        column: The column of each entry.
        weight: Its value.
        vectors: One for each row.
        columns: How many columns there are.
    """
    out = np.zeros((columns, vectors.shape[1]), vectors.dtype)
    part = max(-(-vectors.shape[1] // cpu_count()), _LINE // vectors.itemsize, 1)
    over_rows(
        lambda a, b: _spread_weighted_sums(ptr, column, weight, vectors, out, a, b),
        vectors.shape[1],
        part,
    )
    return out


def entry_products(
    ptr: Int64[np.ndarray, " starts"],
    column: Int32[np.ndarray, " entries"],
    left: Float[np.ndarray, "n d"],
    right: Float[np.ndarray, "m d"],
) -> Float[np.ndarray, " entries"]:
    """Return for each entry the product of its row's and its column's vectors.

    Args:
        ptr: Where each row's entries start.
        column: The column of each entry.
        left: A vector for each row.
        right: A vector for each column.
    """
    out = np.empty(len(column), left.dtype)
    over_rows(
        lambda a, b: _write_entry_products(ptr, column, left, right, out, a, b),
        len(ptr) - 1,
        _GRAIN,
    )
    return out


@compiled
def _write_weighted_sums(
    ptr: np.ndarray,
    column: np.ndarray,
    weight: np.ndarray,
    vectors: np.ndarray,
    line: int,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    size = vectors.shape[1]
    flat = vectors.ravel()
    for r in range(first, last):
        out[r] = 0
        for e in range(ptr[r], ptr[r + 1]):
            if e + _AHEAD < column.size:
                begin = column[e + _AHEAD] * size
                for at in range(begin, begin + size, line):
                    prefetch(flat, at)
            c, w = column[e], weight[e]
            for j in range(size):
                out[r, j] += w * vectors[c, j]


@compiled
def _spread_weighted_sums(
    ptr: np.ndarray,
    column: np.ndarray,
    weight: np.ndarray,
    vectors: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    size = vectors.shape[1]
    flat = out.ravel()
    for r in range(ptr.size - 1):
        for e in range(ptr[r], ptr[r + 1]):
            if e + _AHEAD < column.size:
                begin = column[e + _AHEAD] * size
                for at in range(begin + first, begin + last, 16):
                    prefetch(flat, at)
            c, w = column[e], weight[e]
            for j in range(first, last):
                out[c, j] += w * vectors[r, j]


@compiled
def _write_entry_products(
    ptr: np.ndarray,
    column: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    for r in range(first, last):
        for e in range(ptr[r], ptr[r + 1]):
            c = column[e]
            total = left[r, 0] * right[c, 0]
            for j in range(1, left.shape[1]):
                total += left[r, j] * right[c, j]
            out[e] = total
