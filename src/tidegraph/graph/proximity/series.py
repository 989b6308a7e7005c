"""Walks on a graph: where a step leads, and how many steps a sum of them needs."""

import math

import numpy as np
import scipy
from jaxtyping import Float64

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


def invert_or_zero(values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Return one over each value, 0 for 0."""
    some = values > 0
    return np.where(some, 1 / np.where(some, values, 1), 0.0)


def transition_matrix(graph: StaticGraph) -> "scipy.sparse.csr_array":
    """Return P = D^-1 A: where a walker steps from each node."""
    scale = scipy.sparse.diags_array(invert_or_zero(graph.strength))
    return scipy.sparse.csr_array(scale @ graph.csr())


def symmetric_adjacency(graph: StaticGraph) -> "scipy.sparse.csr_array":
    """Return D^-1/2 A D^-1/2, whose eigenvalues are those of P, from -1 to 1."""
    half = scipy.sparse.diags_array(invert_or_zero(graph.strength) ** 0.5)
    return scipy.sparse.csr_array(half @ graph.csr() @ half)
