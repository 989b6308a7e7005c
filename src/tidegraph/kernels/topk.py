"""A heap of the k best entries of a row, ties by item number."""

import numpy as np

from tidegraph.kernels.jit import compiled


@compiled
def push(item: np.ndarray, score: np.ndarray, found: int, i: int, s: float) -> int:
    """Offer item ``i`` to a heap whose root is the worst kept; return its size."""
    k = item.size
    if found < k:
        at = found
        while at > 0:
            up = (at - 1) >> 1
            if score[up] < s or (score[up] == s and item[up] > i):
                break
            score[at] = score[up]
            item[at] = item[up]
            at = up
        score[at] = s
        item[at] = i
        return found + 1
    if s > score[0] or (s == score[0] and i < item[0]):
        sink(item, score, k, i, s)
    return found


@compiled
def sink(item: np.ndarray, score: np.ndarray, size: int, i: int, s: float) -> None:
    """Put item ``i`` in the place of the root of a heap of ``size`` and restore it."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            score[other] < score[child]
            or (score[other] == score[child] and item[other] > item[child])
        ):
            child = other
        if s < score[child] or (s == score[child] and i > item[child]):
            break
        score[at] = score[child]
        item[at] = item[child]
        at = child
    score[at] = s
    item[at] = i


@compiled
def drain(item: np.ndarray, score: np.ndarray, found: int) -> None:
    """Sort a heap of ``found`` entries in place, best first."""
    for size in range(found - 1, 0, -1):
        i, s = item[size], score[size]
        item[size], score[size] = item[0], score[0]
        sink(item, score, size, i, s)
