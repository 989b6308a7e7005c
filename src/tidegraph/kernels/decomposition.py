"""The largest singular vectors of anything that can be multiplied with a vector."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import scipy
from jaxtyping import Float32, Float64
from scipy.sparse.linalg import LinearOperator, eigsh, svds

from tidegraph.errors import ConfigError


def singular_halves(
    matrix: Any, size: int, seed: int
) -> tuple[Float64[np.ndarray, "rows d"], Float64[np.ndarray, "columns d"]]:
    """Return U S^1/2 and V S^1/2 of the largest singular values, to rounding.

    Their products are the nearest matrix of that rank.

    Args:
        matrix: An array, a sparse array in rows or a ``LinearOperator``.
        size: How many; fewer than its smaller side.
        seed: Seed of the start, of which the products do not depend.

    Raises:
        ConfigError: There are not so many.

    Source:
        Lehoucq, Sorensen & Yang (1998), "ARPACK users' guide".
    """
    rows, columns = cast(tuple[int, int], matrix.shape)
    if size >= min(rows, columns):
        raise ConfigError(
            f"vectors of embedding_size={size} need a matrix of more than {size} rows "
            f"and columns, and this one has {rows:,} and {columns:,}. Lower it."
        )
    if not isinstance(matrix, LinearOperator) and not np.any(_numbers(matrix)):
        return np.zeros((rows, size)), np.zeros((columns, size))
    start = np.random.default_rng(seed).standard_normal(min(rows, columns))
    found = cast(Any, svds)(matrix, size, v0=start, solver="arpack")
    left, value, right = (cast(np.ndarray, part) for part in found)
    order = np.argsort(-value, kind="stable")
    root = np.sqrt(np.maximum(value[order], 0))
    return left[:, order] * root, right[order].T * root


def _numbers(matrix: Any) -> np.ndarray:
    return cast(np.ndarray, matrix if isinstance(matrix, np.ndarray) else matrix.data)


def extreme_eigenvalues(
    matrix: "scipy.sparse.csr_array", size: int, seed: int
) -> tuple[Float64[np.ndarray, " values"], Float64[np.ndarray, "rows values"]]:
    """Return the smallest and the largest eigenvalues of a symmetric matrix.

    Args:
        matrix: Of more rows than ``size``.
        size: How many of each; all there are where that is not more.
        seed: Seed of the start.
    """
    if matrix.shape[0] <= 2 * size:
        return np.linalg.eigh(matrix.toarray())
    start = np.random.default_rng(seed).standard_normal(matrix.shape[0])
    ends = [
        cast(Any, eigsh)(matrix, size, which=which, v0=start) for which in ("SA", "LA")
    ]
    value, vector = zip(*ends, strict=True)
    return np.concatenate(value), np.hstack(vector)


def smallest_eigenpairs(
    apply: Callable[[np.ndarray], np.ndarray], nodes: int, size: int, seed: int
) -> tuple[Float64[np.ndarray, " size"], Float64[np.ndarray, "nodes size"]]:
    """Return the smallest eigenvalues of a symmetric matrix, and their vectors.

    Args:
        apply: The product of the matrix with a vector.
        nodes: How many rows the matrix has.
        size: How many; fewer than ``nodes``.
        seed: Seed of the start.
    """
    start = np.random.default_rng(seed).standard_normal(nodes)
    shape = nodes, nodes
    operator = cast(Any, LinearOperator)(shape, matvec=apply, dtype=np.float64)
    return cast(Any, eigsh)(operator, size, which="SA", v0=start)


def symmetric_halves(
    apply: Callable[[np.ndarray], np.ndarray],
    nodes: int,
    size: int,
    steps: int,
    seed: int,
) -> tuple[Float32[np.ndarray, "nodes d"], Float32[np.ndarray, "nodes d"]]:
    """Return about the same of a symmetric matrix, in few products with many vectors.

    Args:
        apply: The product of the matrix with some vectors, (nodes, any), in float32.
        nodes: How many rows the matrix has.
        size: How many; at most ``nodes``.
        steps: Power iterations; more are nearer to the exact decomposition.
        seed: Seed of the start.

    Source:
        Halko, Martinsson & Tropp (2011), "Finding structure with randomness",
        algorithms 4.4 and 5.3.
    """
    wide = min(nodes, size + max(10, size // 4))
    start = np.random.default_rng(seed).standard_normal((nodes, wide), np.float32)
    basis, _ = np.linalg.qr(apply(start))
    for _ in range(steps):
        basis, _ = np.linalg.qr(apply(basis))
    value, vector = np.linalg.eigh(basis.T @ apply(basis))
    most = np.argsort(-np.abs(value), kind="stable")[:size]
    left = basis @ vector[:, most] * np.sqrt(np.abs(value[most]))
    return left, left * np.sign(value[most])
