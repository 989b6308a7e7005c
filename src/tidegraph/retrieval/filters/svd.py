"""The first singular vectors of a sparse matrix, from a library."""

import importlib
from typing import Any, cast

import numpy as np
import scipy
from jaxtyping import Float32

from tidegraph.extras import needed


def truncated_svd(
    matrix: "scipy.sparse.csr_array", rank: int, steps: int, seed: int
) -> tuple[
    Float32[np.ndarray, "rows rank"],
    Float32[np.ndarray, " rank"],
    Float32[np.ndarray, "columns rank"],
]:
    """Return left vectors, values and right vectors, the largest value first.

    Args:
        matrix: Any matrix.
        rank: How many; at most its smaller side.
        steps: Power iterations; more are nearer to the exact decomposition.
        seed: Seed of the start.

    Raises:
        MissingExtraError: scikit-learn is not installed.

    Source:
        Halko, Martinsson & Tropp (2011), "Finding structure with randomness".
    """
    with needed("scikit-learn", "spectral", "a singular value decomposition"):
        library = cast(Any, importlib.import_module("sklearn.utils.extmath"))
    left, value, right = library.randomized_svd(
        matrix,
        rank,
        n_oversamples=max(10, rank // 4),
        n_iter=steps,
        random_state=seed,
    )
    left, value, right = (
        np.ascontiguousarray(part, np.float32) for part in (left, value, right.T)
    )
    return left, value, right
