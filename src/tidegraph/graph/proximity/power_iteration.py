"""What proximities by walks need to know of a graph: its edges, radius and degrees.

Everything here is about one symmetric graph whose first nodes are items: either the
bipartite graph, where users follow, or the item-item graph that it induces.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float32, Float64, Int32, Int64

from tidegraph.data.views import Matrix


@dataclass(frozen=True, eq=False)
class Adjacency:
    """A symmetric graph without loops, as compressed rows; items come first.

    Attributes:
        num_items: Nodes below this are items, the others users.
        ptr: Where each node's edges start.
        node: The other end of each edge, increasing within a node.
        weight: Strength of each edge, above 0.
    """

    num_items: int
    ptr: Int64[np.ndarray, " starts"]
    node: Int32[np.ndarray, " edges"]
    weight: Float32[np.ndarray, " edges"]

    @classmethod
    def bipartite(cls, matrix: Matrix) -> "Adjacency":
        """Join each user to each item they met; repeats count once."""
        met = _met(matrix)
        both = scipy.sparse.block_array([[None, met.T], [met, None]], format="csr")
        return cls._of(both, len(matrix.items))

    @classmethod
    def between_items(cls, matrix: Matrix, least_users: int = 1) -> "Adjacency":
        """Join two items that enough users met both, as strongly as there are users.

        Args:
            matrix: Who met what.
            least_users: How many users an edge needs.
        """
        met = _met(matrix)
        pairs = scipy.sparse.csr_array(met.T @ met).tocoo()
        row, column = pairs.coords
        kept = (row != column) & (pairs.data >= least_users)
        edges = (pairs.data[kept], (row[kept], column[kept]))
        size = len(matrix.items)
        return cls._of(scipy.sparse.csr_array(edges, shape=(size, size)), size)

    @classmethod
    def _of(cls, matrix: "scipy.sparse.csr_array", num_items: int) -> "Adjacency":
        matrix.sort_indices()
        return cls(
            num_items,
            matrix.indptr.astype(np.int64),
            matrix.indices.astype(np.int32, copy=False),
            matrix.data.astype(np.float32, copy=False),
        )

    @property
    def num_nodes(self) -> int:
        """Number of items and users."""
        return len(self.ptr) - 1

    def degree(self) -> Int64[np.ndarray, " nodes"]:
        """Return how many neighbours each node has."""
        return np.diff(self.ptr)

    def csr(self) -> "scipy.sparse.csr_array":
        """Return the adjacency matrix, sharing memory."""
        shape = (self.num_nodes, self.num_nodes)
        return scipy.sparse.csr_array((self.weight, self.node, self.ptr), shape=shape)

    def strength(self) -> Float64[np.ndarray, " nodes"]:
        """Return the sum of the weights at each node."""
        return self.csr() @ np.ones(self.num_nodes)


def _met(matrix: Matrix) -> "scipy.sparse.csr_array":
    ones = np.ones(len(matrix.item), np.float32)
    return scipy.sparse.csr_array((ones, matrix.item, matrix.ptr), shape=matrix.shape)


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


def spectral_radius(graph: Adjacency, tolerance: float = 1e-3) -> float:
    """Return an upper bound of the largest eigenvalue, near it by ``tolerance``.

    For every positive x, the radius is at most max_i (Ax)_i / x_i, and at least
    x'Ax / x'x; power iteration brings both together. The bound holds even where 500
    rounds do not bring them within the tolerance.

    Source:
        Collatz (1942); Wielandt (1950).
    """
    matrix = graph.csr()
    x = np.ones(graph.num_nodes)
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
