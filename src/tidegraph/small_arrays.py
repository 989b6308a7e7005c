"""Questions to arrays, often of a few numbers, where NumPy's steps cost most."""

import numpy as np
from jaxtyping import Int64, Integer, Num

_FEW = 16


def span(values: Integer[np.ndarray, " n"]) -> tuple[int, int]:
    """Return the least and the greatest of some numbers; there is at least one."""
    if len(values) > _FEW:
        return int(values.min()), int(values.max())
    listed = values.tolist()
    return min(listed), max(listed)


def never_fall(values: Num[np.ndarray, " n"]) -> bool:
    """Return whether no number is below the one before it."""
    if len(values) < 2:
        return True
    return not bool((values[1:] < values[:-1]).any())


def places_among(
    held: Integer[np.ndarray, " n"], wanted: Integer[np.ndarray, "*w"]
) -> Int64[np.ndarray, "*w"]:
    """Return the place of each number among rising ones; -1 where it is none of them.

    Args:
        held: Numbers that rise; there is at least one.
        wanted: What is looked for.
    """
    place = np.minimum(np.searchsorted(held, wanted), len(held) - 1)
    return np.where(held[place] == wanted, place, -1)
