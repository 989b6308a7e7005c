"""A heap of the k best entries of a row, ties by item number; and order for kernels."""

import numpy as np

from tidegraph.kernels.jit import compiled


@compiled
def offer_to_heap(
    item: np.ndarray, score: np.ndarray, found: int, i: int, s: float
) -> int:
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
        replace_root(item, score, k, i, s)
    return found


@compiled
def replace_root(
    item: np.ndarray, score: np.ndarray, size: int, i: int, s: float
) -> None:
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
def sort_heap(item: np.ndarray, score: np.ndarray, found: int) -> None:
    """Sort a heap of ``found`` entries in place, best first."""
    for size in range(found - 1, 0, -1):
        i, s = item[size], score[size]
        item[size], score[size] = item[0], score[0]
        replace_root(item, score, size, i, s)


@compiled
def stable_order(value: np.ndarray) -> np.ndarray:
    """Return the places of values, the least first, equal ones in their order.

    What NumPy calls a stable sort takes numba seconds to compile within each kernel.
    """
    size = value.size
    order, merged = np.empty(size, np.int64), np.empty(size, np.int64)
    for at in range(size):
        order[at] = at
    width = 1
    while width < size:
        for low in range(0, size, 2 * width):
            middle, high = min(low + width, size), min(low + 2 * width, size)
            left, right = low, middle
            for at in range(low, high):
                on_right = left == middle
                if left < middle and right < high:
                    on_right = value[order[right]] < value[order[left]]
                if on_right:
                    merged[at] = order[right]
                    right += 1
                else:
                    merged[at] = order[left]
                    left += 1
        order, merged = merged, order
        width *= 2
    return order
