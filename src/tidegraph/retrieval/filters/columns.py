"""Some columns of scores that are only to be had whole."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int32

from tidegraph.kernels.sparse_rows import SparseRows

NUMBERS = 1 << 22
"""Scores held at a time, which bounds memory."""


def score_columns(
    scores: Callable[[SparseRows], Float32[np.ndarray, "b items"]],
    history: SparseRows,
    item: Int32[np.ndarray, " some"],
) -> Float32[np.ndarray, "b some"]:
    """Return what a filter lets through for some items, where it works out all.

    Args:
        scores: Returns what comes through for every item, a row for each history.
        history: What weight each item of each requester's history has.
        item: The items wanted.
    """
    out = np.empty((len(history), len(item)), np.float32)
    step = max(1, NUMBERS // history.width)
    for start in range(0, len(history), step):
        rows = np.arange(start, min(start + step, len(history)), dtype=np.int32)
        out[rows] = scores(history.rows(rows))[:, item]
    return out
