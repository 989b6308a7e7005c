"""HOPE: vectors whose products are a proximity of high order, asymmetric ones too."""

from dataclasses import field

import numpy as np
import scipy

from tidegraph.arguments import settings
from tidegraph.graph.static import On, StaticGraph
from tidegraph.ranges import at_least
from tidegraph.retrieval.solvers.graphs import (
    check_size,
    check_vectors,
    graph_of,
    nodes_of,
)
from tidegraph.retrieval.solvers.proximities import FactorizedProximity, KatzProximity
from tidegraph.retrieval.solvers.solved import Solved


@settings
class HOPE:
    """The nearest S of a rank: source vectors U s^1/2, target vectors V s^1/2.

    S = Mg^-1 Ml is never formed. Where it links items alone (common neighbours,
    Adamic-Adar) a user is their history.

    Attributes:
        proximity: S.
        embedding_size: Numbers in a vector.
        on: The graph.
        seed: Seed of the decomposition's start, of which products do not depend; that
            of the run if left out.

    Source:
        Ou et al., "Asymmetric Transitivity Preserving Graph Embedding", KDD 2016,
        table 1 and algorithm 1.

    Departs:
        By ARPACK's implicitly restarted Lanczos method in place of Jacobi-Davidson.
        The graph is undirected, so Katz needs no inverse: S has A's eigenvectors.
        Adamic-Adar's D is one over the log of degrees, in table 1 one over them.
    """

    proximity: FactorizedProximity = field(default_factory=KatzProximity)
    embedding_size: int = 64
    on: On = "bipartite"
    seed: int | None = None

    def __post_init__(self) -> None:
        at_least("HOPE", 1, embedding_size=self.embedding_size)
        at_least("HOPE", 0, seed=self.seed)

    def check(self, pairs: "scipy.sparse.csr_array") -> None:
        """Find out before any work whether pairs of users and items fit.

        Raises:
            ConfigError: They take more memory than the machine has.
        """
        nodes = nodes_of("HOPE", pairs, self.on)
        check_vectors("HOPE", nodes, self.embedding_size)

    def solve(self, pairs: "scipy.sparse.csr_array") -> Solved:
        """Return source and target vectors.

        Raises:
            ConfigError: The graph has no more than ``embedding_size`` nodes, or
                Katz's ``beta`` is too large for it.
        """
        graph = self.graph(pairs)
        return Solved.of_nodes(graph, *self.embed(graph))

    def graph(self, pairs: "scipy.sparse.csr_array") -> StaticGraph:
        """Return the graph that it works on."""
        return graph_of("HOPE", pairs, self.on)

    def embed(self, graph: StaticGraph) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target vectors of its nodes, or of its items alone."""
        check_size("HOPE", self.embedding_size, graph)
        return self.proximity.halves(graph, self.embedding_size, self.seed or 0)
