"""Pairs of nodes that come near to one another in sequences."""

import numpy as np
from jaxtyping import Int32

from tidegraph.kernels.jit import compiled
from tidegraph.kernels.ragged import Starts

Nodes = Int32[np.ndarray, " pairs"]


def window_pairs(
    ptr: Starts, node: Int32[np.ndarray, " entries"], window: int
) -> tuple[Nodes, Nodes]:
    """Return each node of a sequence with each of the others near to it.

    Args:
        ptr: Where each sequence starts.
        node: Its nodes; it is over at the first -1.
        window: How many places apart the two of a pair are at the most.

    Returns:
        The node in the middle, and the one near to it.
    """
    size = np.empty(len(ptr) - 1, np.int64)
    pairs = _count_pairs(ptr, node, window, size)
    source, target = np.empty(pairs, np.int32), np.empty(pairs, np.int32)
    _write_pairs(ptr, node, window, size, source, target)
    return source, target


def row_window_pairs(
    rows: Int32[np.ndarray, "q entries"], window: int
) -> tuple[Nodes, Nodes]:
    """Return ``window_pairs`` of sequences that are a row each, such as walks."""
    ptr = np.arange(len(rows) + 1) * rows.shape[1]
    return window_pairs(ptr, rows.ravel(), window)


@compiled
def _count_pairs(
    ptr: np.ndarray, node: np.ndarray, window: int, size: np.ndarray
) -> int:
    """Write how long each sequence is, and return how many pairs there are."""
    total = 0
    for row in range(size.size):
        length = 0
        while ptr[row] + length < ptr[row + 1] and node[ptr[row] + length] >= 0:
            length += 1
        size[row] = length
        # Places short of a window at either end have that many pairs fewer.
        near = min(window, max(length - 1, 0))
        total += 2 * near * length - near * (near + 1)
    return total


@compiled
def _write_pairs(
    ptr: np.ndarray,
    node: np.ndarray,
    window: int,
    size: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
) -> None:
    at = 0
    for row in range(size.size):
        first, stop = ptr[row], ptr[row] + size[row]
        for middle in range(first, stop):
            for near in range(
                max(first, middle - window), min(stop, middle + window + 1)
            ):
                if near != middle:
                    source[at] = node[middle]
                    target[at] = node[near]
                    at += 1
