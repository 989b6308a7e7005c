"""Buckets of the age of an event, the same for arrays and for tensors."""

from typing import Any

ENDS = tuple(2.0**n - 1 for n in range(1, 12))
"""Days at which a bucket ends and the next begins."""
GAPS = len(ENDS) + 1
"""How many buckets there are: floor(log2(days + 1)), the last one open."""


def age_bucket(days: Any) -> Any:
    """Return the bucket of each age, from 0; what is to come is in the first.

    By comparison, which is exact where a logarithm rounds and which arrays and tensors
    both know.

    Args:
        days: Ages in days, an array or a tensor.
    """
    return sum(days >= end for end in ENDS)
