"""ProNE: a sparse factorisation, then smoothed along the spectrum of the graph."""

import numpy as np
import scipy
from scipy.special import iv

from tidegraph.arguments import settings
from tidegraph.graph.proximity.series import transition_matrix
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.decomposition import singular_halves
from tidegraph.ranges import above, at_least
from tidegraph.retrieval.solvers.graphs import (
    check_size,
    check_vectors,
    graph_of,
    nodes_of,
)
from tidegraph.retrieval.solvers.solved import Solved


@settings
class ProNE:
    """R = U s^1/2 of a sparse matrix of edges, then P (I - g(L)) R, L = I - P.

    The matrix is log p_ij - log(lambda q_j) at the edges of the item graph, P = D^-1 A
    and q_j the share of (sum_i p_ij)^power. g passes what lies in a band of the
    spectrum, g(x) = exp(-theta ((x - mu)^2 - 1) / 2), as a Chebyshev polynomial in
    ((L - mu)^2 - 1) / 2. What comes out is turned to orthogonal columns, U s^1/2 of its
    own. Between users and items the largest eigenvalue of L alternates from side to
    side, and what the band lets through of it turns products around; so a user is their
    history.

    Attributes:
        embedding_size: Numbers in a vector.
        order: Terms of the polynomial.
        mu: Centre of the band.
        theta: How narrow it is.
        negatives: lambda.
        power: How much more often popular nodes are noise.
        seed: Seed of the decomposition's start, of which products do not depend; that
            of the run if left out.

    Source:
        Zhang et al., "ProNE: Fast and Scalable Network Representation Learning", IJCAI
        2019, equations 3 to 8.

    Departs:
        The authors' program adds a loop to every node, divides each vector by its
        length and has another constant in g; the formulas here are the paper's.
    """

    embedding_size: int = 64
    order: int = 10
    mu: float = 0.2
    theta: float = 0.5
    negatives: float = 1.0
    power: float = 0.75
    seed: int | None = None

    def __post_init__(self) -> None:
        at_least("ProNE", 1, embedding_size=self.embedding_size, order=self.order)
        at_least("ProNE", 0, power=self.power, mu=self.mu, seed=self.seed)
        above("ProNE", 0, negatives=self.negatives, theta=self.theta)

    def check(self, pairs: "scipy.sparse.csr_array") -> None:
        """Find out before any work whether pairs of users and items fit.

        Raises:
            ConfigError: They take more memory than the machine has.
        """
        nodes = nodes_of("ProNE", pairs, "items")
        check_vectors("ProNE", nodes, self.embedding_size)

    def solve(self, pairs: "scipy.sparse.csr_array") -> Solved:
        """Return one vector an item, for both sides of a product.

        Raises:
            ConfigError: The graph has no more than ``embedding_size`` nodes.
        """
        graph = self.graph(pairs)
        return Solved.of_nodes(graph, *self.embed(graph))

    def graph(self, pairs: "scipy.sparse.csr_array") -> StaticGraph:
        """Return the graph that it works on."""
        return graph_of("ProNE", pairs, "items")

    def embed(self, graph: StaticGraph) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors of the nodes of a graph, the same on both sides."""
        check_size(
            "ProNE", self.embedding_size, graph, "Take another method, such as HOPE"
        )
        factor, _ = singular_halves(
            self._edges(graph), self.embedding_size, self.seed or 0
        )
        step = transition_matrix(graph)
        left, value, _ = np.linalg.svd(
            step @ (factor - self._band(step, factor)), full_matrices=False
        )
        vectors = left * np.sqrt(value)
        return vectors, vectors

    def _edges(self, graph: StaticGraph) -> "scipy.sparse.csr_array":
        step = transition_matrix(graph)
        noise = np.asarray(step.sum(axis=0)) ** self.power
        noise *= self.negatives / noise.sum()
        step.data = np.log(step.data) - np.log(noise[step.indices])
        return step

    def _band(self, step: "scipy.sparse.csr_array", x: np.ndarray) -> np.ndarray:
        """Return g(L) x."""

        def shifted(y: np.ndarray) -> np.ndarray:
            return (1 - self.mu) * y - step @ y

        def inner(y: np.ndarray) -> np.ndarray:
            return (shifted(shifted(y)) - y) / 2

        # exp(-theta y) = I_0(theta) + 2 sum_k (-1)^k I_k(theta) T_k(y).
        before, now = x, inner(x)
        total = iv(0, self.theta) * before
        for k in range(1, self.order):
            total = total + 2 * (-1) ** k * iv(k, self.theta) * now
            before, now = now, 2 * inner(now) - before
        return total
