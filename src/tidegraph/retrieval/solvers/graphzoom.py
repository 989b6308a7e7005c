"""GraphZoom: a graph fused with features is made small, embedded, and refined."""

from dataclasses import field

import numpy as np
import scipy

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.graph.static import StaticGraph
from tidegraph.ranges import above, at_least
from tidegraph.retrieval.solvers.coarsening import Level, coarsen, low_pass
from tidegraph.retrieval.solvers.feature_graph import clusters, feature_graph
from tidegraph.retrieval.solvers.netmf import NetMF
from tidegraph.retrieval.solvers.of_graph import GraphSolver
from tidegraph.retrieval.solvers.solved import Solved


@settings
class GraphZoom:
    """The graph is fused with that of features, coarsened, solved, and refined.

    To the edges between users and items, or between items, those are added that join
    each item with the ``neighbors`` of its cluster most like it: A + fusion A_features.
    At each level back, a node has the vector of the node it became, smoothed along the
    edges of its own graph: x_i = (D^-1/2 (A_i + loop I) D^-1/2)^smoothing H' x_(i+1).

    Attributes:
        solver: What embeds the coarsest graph. It also says which graph: of users and
            items, or of items alone.
        levels: How many times the graph is coarsened; with 0 it is the solver alone.
        smoothing: Steps of the filter at each level.
        loop: Weight of the loop at each node in the filter.
        seed: Seed of the signals that tell which nodes are alike; that of the run if
            left out.
        features: Feature columns of items that say which are alike; () fuses nothing.
        neighbors: With how many most like it an item is joined.
        fusion: What an edge of features counts beside one of the graph.

    Source:
        Deng et al., "GraphZoom: A Multi-level Spectral Approach for Accurate and
        Scalable Graph Embedding", ICLR 2020, sections 3.1 to 3.4; signals, threshold
        and order of aggregation are those of the authors' program.

    Departs:
        Users have no features, and no edges by them. A component of the graph that
        becomes one node, such as a user and an item that nobody else has, is left
        without an edge and so without vectors: as of unknown ones, nothing is said.
    """

    solver: GraphSolver = field(default_factory=NetMF)
    levels: int = 1
    smoothing: int = 2
    loop: float = 0.1
    seed: int | None = None
    features: tuple[str, ...] = ()
    neighbors: int = 2
    fusion: float = 1.0

    def __post_init__(self) -> None:
        at_least("GraphZoom", 0, levels=self.levels, smoothing=self.smoothing)
        at_least("GraphZoom", 0, seed=self.seed)
        at_least("GraphZoom", 1, neighbors=self.neighbors)
        above("GraphZoom", 0, loop=self.loop, fusion=self.fusion)

    def solve(
        self,
        pairs: "scipy.sparse.csr_array",
        described: "scipy.sparse.csr_array | None" = None,
    ) -> Solved:
        """Return the refined vectors.

        Args:
            pairs: Weight of each user (row) and item (column).
            described: What ``features`` say of each item.

        Raises:
            ConfigError: The solver refuses the coarsest graph, or gives vectors of some
                of its nodes alone.
        """
        graph = self.solver.graph(pairs)
        adjacency, levels = graph.csr(), list[Level]()
        rng = np.random.default_rng(self.seed or 0)
        if described is not None:
            adjacency = self._fused(adjacency, described, rng)
        for _ in range(self.levels):
            levels.append(coarsen(adjacency, rng))
            adjacency = levels[-1].coarser()
        made = levels or described is not None
        coarsest = StaticGraph.of_matrix(adjacency) if made else graph
        if levels and len(coarsest) <= self.solver.embedding_size:
            raise ConfigError(
                f"levels={self.levels} leave {len(coarsest):,} of {len(graph):,} "
                f"nodes, too few for vectors of {self.solver.embedding_size} numbers. "
                "Lower levels or embedding_size, or take another graph: in a dense one "
                "all nodes are alike."
            )
        sides = self.solver.embed(coarsest)
        if any(len(side) != len(coarsest) for side in sides):
            raise ConfigError(
                f"{self.solver} gives vectors of items alone, and GraphZoom refines "
                'those of all nodes. Take it with on = "items".'
            )
        source, target = (self._refined(side, levels) for side in sides)
        return Solved.of_nodes(graph, source, target)

    def _fused(
        self,
        adjacency: "scipy.sparse.csr_array",
        described: "scipy.sparse.csr_array",
        rng: np.random.Generator,
    ) -> "scipy.sparse.csr_array":
        """Return the graph with the edges between items that are alike."""
        items = described.shape[0]
        alike = feature_graph(
            described, clusters(adjacency, rng)[:items], self.neighbors
        )
        # Items come first; users have no edge here.
        ptr = np.pad(alike.indptr, (0, adjacency.shape[0] - items), mode="edge")
        entries = self.fusion * alike.data, alike.indices, ptr
        return adjacency + scipy.sparse.csr_array(entries, shape=adjacency.shape)

    def _refined(self, vectors: np.ndarray, levels: list[Level]) -> np.ndarray:
        for level in reversed(levels):
            vectors = vectors[level.part]
            smooth = low_pass(level.adjacency, self.loop)
            for _ in range(self.smoothing):
                vectors = smooth @ vectors
        return vectors
