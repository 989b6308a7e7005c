"""Buckets of the age of an event, the same for arrays and for tensors."""

from typing import Any

GAPS = 12
"""How many buckets there are."""


def bucket_ends(base: float, count: int) -> tuple[float, ...]:
    """Return the days at which a bucket ends and the next begins.

    Buckets are floor(log_base(days + 1)), from 0; the last is open.

    Args:
        base: How many times as long each bucket is as the last.
        count: How many buckets there are.
    """
    return tuple(base**n - 1 for n in range(1, count))


_ENDS = bucket_ends(2.0, GAPS)


def age_bucket(days: Any) -> Any:
    """Return the bucket of each age, from 0; what is to come is in the first.

    By comparison, which is exact where a logarithm rounds and which arrays and tensors
    both know.

    Args:
        days: Ages in days, an array or a tensor.
    """
    return sum(days >= end for end in _ENDS)
