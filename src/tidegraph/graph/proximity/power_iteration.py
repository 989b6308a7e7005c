"""What sums of walks need to know of a graph: its radius, and how long they must be."""

import math

import numpy as np
from jaxtyping import Float64, Int64

from tidegraph.graph.static import StaticGraph


def adamic_adar_weights(
    degree: Int64[np.ndarray, " nodes"],
) -> Float64[np.ndarray, " nodes"]:
    """Return ``1 / log(degree)``, and 0 for a degree below 2.

    A node with one neighbour is common to no two nodes, so its weight is never used.

    Source:
        Adamic & Adar (2003), "Friends and neighbors on the Web".
    """
    shared = degree >= 2
    return np.where(shared, 1 / np.log(np.where(shared, degree, 2)), 0.0)


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
    """Return the length at which a geometric series may be cut.

    The terms ``rate^k`` beyond it are at most ``tolerance`` of the sum of all.
    """
    return max(1, math.ceil(math.log(tolerance) / math.log(rate) - 1e-9) - 1)
