"""Questions to arrays that often hold a few numbers, where NumPy's steps cost most."""

import numpy as np
from jaxtyping import Integer, Num

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
