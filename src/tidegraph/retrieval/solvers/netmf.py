"""NetMF: the matrix that DeepWalk factorises, factorised."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import scipy
from scipy.sparse.linalg import eigsh

from tidegraph.arguments import settings
from tidegraph.graph.from_log import ITEM
from tidegraph.graph.proximity.series import (
    invert_or_zero,
    symmetric_adjacency,
    transition_matrix,
)
from tidegraph.graph.static import On, StaticGraph
from tidegraph.kernels.decomposition import singular_halves, symmetric_halves
from tidegraph.ranges import above, at_least
from tidegraph.retrieval.solvers.graphs import (
    check_dense,
    check_size,
    check_vectors,
    graph_of,
    nodes_of,
)
from tidegraph.retrieval.solvers.solved import Solved

_NUMBERS = 1 << 24
"""Numbers of the matrix that are held at a time, which bounds memory."""


@settings
class NetMF:
    """The nearest log max(M, 1) of a rank, M = vol / (b T) sum_{r <= T} P^r D^-1.

    P = D^-1 A, vol the sum of all degrees. With ``rank``, M comes of so many of the
    largest eigenvalues of D^-1/2 A D^-1/2, and no matrix of all pairs of nodes is held:
    its rows are made anew for each product. Source vectors are U s^1/2, target vectors
    V s^1/2. A window of 1 links no two users and no two items: then the matrix of users
    by items is factorised, and an item has one vector, as source and as target, so that
    users without a vector are answered, too.

    Attributes:
        embedding_size: Numbers in a vector.
        window: T, the reach of the skip-gram.
        negatives: b, noise words a pair.
        rank: Eigenvalues that M is made of; None for M itself, which has as many
            numbers as there are edges with a window of 1, and is dense with another. Of
            few, M loses much of what it says of pairs.
        on: The graph.
        steps: Power iterations of the randomised decomposition; only with a rank.
        memory_limit_gb: Refuse to need more than this, in 10^9 bytes; of M itself.
        seed: Seed of the decomposition's start; that of the run if left out.

    Source:
        Qiu et al., "Network Embedding as Matrix Factorization: Unifying DeepWalk, LINE,
        PTE, and node2vec", WSDM 2018, algorithms 3 and 4.
    """

    embedding_size: int = 64
    window: int = 1
    negatives: float = 1.0
    rank: int | None = None
    on: On = "bipartite"
    steps: int = 2
    memory_limit_gb: float = 8.0
    seed: int | None = None

    def __post_init__(self) -> None:
        at_least(
            "NetMF",
            1,
            embedding_size=self.embedding_size,
            window=self.window,
            rank=self.rank,
        )
        at_least("NetMF", 0, seed=self.seed, steps=self.steps)
        above("NetMF", 0, negatives=self.negatives)
        above("NetMF", 0, memory_limit_gb=self.memory_limit_gb)

    def check(self, pairs: "scipy.sparse.csr_array") -> None:
        """Find out before any work whether pairs of users and items fit.

        Raises:
            ConfigError: They take more than ``memory_limit_gb``, or than there is.
        """
        self._check(nodes_of("NetMF", pairs, self.on))

    def _check(self, nodes: int) -> None:
        if not self._is_exact(nodes):
            check_vectors("NetMF", nodes, self.rank or 0, instead="lower rank")
        elif self.window == 1:
            check_vectors("NetMF", nodes, self.embedding_size)
        else:
            instead = "take window = 1, or give a rank, as rank = 128: then M is sparse"
            instead += ", or never held"
            check_dense("NetMF", nodes, 24, self.memory_limit_gb, instead)

    def _is_exact(self, nodes: int) -> bool:
        return self.rank is None or self.rank >= nodes

    def solve(self, pairs: "scipy.sparse.csr_array") -> Solved:
        """Return source and target vectors.

        A graph of no more nodes than ``rank`` is solved exactly.

        Raises:
            ConfigError: Memory would exceed the limit, or the graph has no more than
                ``embedding_size`` nodes.
        """
        graph = self.graph(pairs)
        if self.on == "bipartite" and self.window == 1 and self._is_exact(len(graph)):
            return self._of_sides(graph)
        return Solved.of_nodes(graph, *self.embed(graph))

    def _of_sides(self, graph: StaticGraph) -> Solved:
        self._check(len(graph))
        items = graph.size(ITEM)
        links = self._log_edges(graph)[items:, :items]
        halves = singular_halves(links, self.embedding_size, self.seed or 0)
        user, item = (np.ascontiguousarray(half, np.float32) for half in halves)
        return Solved(user, item, item)

    def graph(self, pairs: "scipy.sparse.csr_array") -> StaticGraph:
        """Return the graph that it works on."""
        return graph_of("NetMF", pairs, self.on)

    def embed(self, graph: StaticGraph) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target vectors of the nodes of a graph; see ``solve``."""
        self._check(len(graph))
        check_size("NetMF", self.embedding_size, graph)
        if not self._is_exact(len(graph)):
            return self._approximate(graph, self.rank or 0)
        matrix = self._log_edges if self.window == 1 else self._log_matrix
        return singular_halves(matrix(graph), self.embedding_size, self.seed or 0)

    def _log_edges(self, graph: StaticGraph) -> "scipy.sparse.csr_array":
        """Return log max(M, 1) of a window of 1, which is 0 between nodes unlinked."""
        step = transition_matrix(graph)
        step.data *= graph.strength.sum() / self.negatives
        step.data /= graph.strength[step.indices]
        np.log(np.maximum(step.data, 1, out=step.data), out=step.data)
        return step

    def _log_matrix(self, graph: StaticGraph) -> np.ndarray:
        """Return log max(M, 1)."""
        step = transition_matrix(graph)
        power = step.toarray()
        total = power.copy()
        for _ in range(self.window - 1):
            power = step @ power
            total += power
        volume = graph.strength.sum()
        total *= volume / self.negatives / self.window * invert_or_zero(graph.strength)
        return np.log(np.maximum(total, 1, out=total), out=total)

    def _approximate(
        self, graph: StaticGraph, rank: int
    ) -> tuple[np.ndarray, np.ndarray]:
        start = np.random.default_rng(self.seed or 0).standard_normal(len(graph))
        value, vector = cast(Any, eigsh)(
            symmetric_adjacency(graph), rank, which="LA", v0=start, tol=1e-6
        )
        powers = value[:, None] ** np.arange(1, self.window + 1)
        passed = graph.strength.sum() / self.negatives * powers.mean(axis=1)
        left = invert_or_zero(graph.strength)[:, None] ** 0.5 * vector
        apply = _multiply_log(
            *(x.astype(np.float32) for x in (left, (left * passed).T))
        )
        return symmetric_halves(
            apply, len(graph), self.embedding_size, self.steps, self.seed or 0
        )


def _multiply_log(
    left: np.ndarray, right: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the product with log max(L R, 1), whose rows are made as they are due."""
    nodes = len(left)
    block = max(1, _NUMBERS // nodes)

    def apply(x: np.ndarray) -> np.ndarray:
        out = np.empty((nodes, x.shape[1]), np.float32)
        for a in range(0, nodes, block):
            rows = left[a : a + block] @ right
            np.log(np.maximum(rows, 1, out=rows), out=rows)
            out[a : a + block] = rows @ x
        return out

    return apply
