"""What sums of walks need to know of a graph: its radius, and how long they must be."""

import math

import numpy as np

from tidegraph.graph.static import StaticGraph


def spectral_radius(graph: StaticGraph, tolerance: float = 1e-3) -> float:
    """Return an upper bound of the largest eigenvalue, near it by ``tolerance``.

    For every positive x, the radius is at most max_i (Ax)_i / x_i, and at least
    x'Ax / x'x; power iteration brings both together. The bound holds even where 500
    rounds do not bring them within the tolerance.

    Source:
        Collatz (1942); Wielandt (1950).
    """
    matrix = graph.csr()
    x = np.ones(len(graph))
    upper = math.inf
    for _ in range(500):
        # Walking A + I keeps a bipartite graph from swinging between its two sides.
        y = matrix @ x + x
        upper = min(upper, float((y / x).max()))
        if upper - float(x @ y) / float(x @ x) <= tolerance * upper:
            break
        # Any positive vector gives a true bound, so small ones may be lifted.
        x = np.maximum(y / y.max(), 1e-200)
    return upper - 1


def steps_within(rate: float, tolerance: float) -> int:
    """Return the length of walk at which a geometric series may be cut.

    The terms ``rate^k`` beyond it are at most ``tolerance`` of the sum of all.
    """
    return max(1, math.ceil(math.log(tolerance) / math.log(rate) - 1e-9) - 1)
