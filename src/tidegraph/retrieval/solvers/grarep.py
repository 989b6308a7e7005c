"""GraRep: a factorisation of what is reached in each number of steps."""

import numpy as np
import scipy

from tidegraph.arguments import settings
from tidegraph.graph.proximity.series import transition_matrix
from tidegraph.graph.static import On, StaticGraph
from tidegraph.kernels.decomposition import singular_halves
from tidegraph.ranges import above, at_least
from tidegraph.retrieval.solvers.graphs import (
    check_dense,
    check_size,
    graph_of,
    nodes_of,
)
from tidegraph.retrieval.solvers.solved import Solved


@settings
class GraRep:
    """For each k: max(0, log(P^k_ij / sum_t P^k_tj) - log(lambda / N)), halved by SVD.

    P = D^-1 A of N nodes. The source vector of a node is U s^1/2 of each k one after
    the other, the target vector V s^1/2; their products add up the matrices of all k.

    Attributes:
        embedding_size: Numbers in a vector for each number of steps.
        steps: The largest k.
        negatives: lambda, noise words a step in the skip-gram that this factorises.
        on: The graph.
        memory_limit_gb: Refuse to need more than this, in 10^9 bytes.
        seed: Seed of the decomposition's start, of which products do not depend; that
            of the run if left out.

    Source:
        Cao, Lu & Xu, "GraRep: Learning Graph Representations with Global Structural
        Information", CIKM 2015, algorithm 1.
    """

    embedding_size: int = 32
    steps: int = 3
    negatives: float = 1.0
    on: On = "bipartite"
    memory_limit_gb: float = 8.0
    seed: int | None = None

    def __post_init__(self) -> None:
        at_least("GraRep", 1, embedding_size=self.embedding_size, steps=self.steps)
        at_least("GraRep", 0, seed=self.seed)
        above("GraRep", 0, negatives=self.negatives)
        above("GraRep", 0, memory_limit_gb=self.memory_limit_gb)

    def check(self, pairs: "scipy.sparse.csr_array") -> None:
        """Find out before any work whether pairs of users and items fit.

        Raises:
            ConfigError: They take more than ``memory_limit_gb``, or than there is.
        """
        self._check(nodes_of("GraRep", pairs, self.on))

    def _check(self, nodes: int) -> None:
        instead = "take NetMF or HOPE, which need no dense matrix"
        if self.on == "bipartite":
            instead += ', or on = "items"'
        check_dense("GraRep", nodes, 24, self.memory_limit_gb, instead)

    def solve(self, pairs: "scipy.sparse.csr_array") -> Solved:
        """Return the vectors of all steps one after the other.

        Raises:
            ConfigError: Memory would exceed the limit, or the graph has no more than
                ``embedding_size`` nodes.
        """
        graph = self.graph(pairs)
        return Solved.of_nodes(graph, *self.embed(graph))

    def graph(self, pairs: "scipy.sparse.csr_array") -> StaticGraph:
        """Return the graph that it works on."""
        return graph_of("GraRep", pairs, self.on)

    def embed(self, graph: StaticGraph) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target vectors of the nodes of a graph; see ``solve``."""
        self._check(len(graph))
        check_size("GraRep", self.embedding_size, graph)
        step = transition_matrix(graph)
        reached = step.toarray()
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        for k in range(self.steps):
            reached = step @ reached if k else reached
            parts.append(
                singular_halves(
                    self._positive(reached), self.embedding_size, self.seed or 0
                )
            )
        sources, targets = zip(*parts, strict=True)
        return np.hstack(sources), np.hstack(targets)

    def _positive(self, reached: np.ndarray) -> np.ndarray:
        """Return the log of what is reached more often than by chance, 0 elsewhere."""
        total = reached.sum(axis=0)
        scale = len(reached) / self.negatives / np.where(total > 0, total, 1)
        return np.log(np.maximum(reached * scale, 1))
