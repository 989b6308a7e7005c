"""GraphZoom: embed a small graph, and carry its vectors over to the whole one."""

from dataclasses import field

import numpy as np
import scipy

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.graph.static import StaticGraph
from tidegraph.ranges import above, at_least
from tidegraph.retrieval.solvers.coarsening import Level, coarsened, low_pass
from tidegraph.retrieval.solvers.netmf import NetMF
from tidegraph.retrieval.solvers.of_graph import GraphSolver
from tidegraph.retrieval.solvers.solved import Solved


@settings
class GraphZoom:
    """The graph is coarsened a few times, solved, and its vectors are refined.

    At each level back, a node has the vector of the node it became, smoothed along the
    edges of its own graph: x_i = (D^-1/2 (A_i + loop I) D^-1/2)^smoothing H' x_(i+1).

    Attributes:
        solver: What embeds the coarsest graph. It also says which graph: of users and
            items, or of items alone.
        levels: How many times the graph is coarsened; with 0 it is the solver alone.
        smoothing: Steps of the filter at each level.
        loop: Weight of the loop at each node in the filter.
        seed: Seed of the signals that tell which nodes are alike.

    Source:
        Deng et al., "GraphZoom: A Multi-level Spectral Approach for Accurate and
        Scalable Graph Embedding", ICLR 2020, sections 3.2 to 3.4; signals, threshold
        and order of aggregation are those of the authors' program.
    """

    solver: GraphSolver = field(default_factory=NetMF)
    levels: int = 1
    smoothing: int = 2
    loop: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        at_least("GraphZoom", 0, levels=self.levels, smoothing=self.smoothing)
        at_least("GraphZoom", 0, seed=self.seed)
        above("GraphZoom", 0, loop=self.loop)

    def solve(self, pairs: "scipy.sparse.csr_array") -> Solved:
        """Return the refined vectors.

        Raises:
            ConfigError: The solver refuses the coarsest graph, or gives vectors of some
                of its nodes alone.
        """
        graph = self.solver.graph(pairs)
        adjacency, levels = graph.csr(), list[Level]()
        rng = np.random.default_rng(self.seed)
        for _ in range(self.levels):
            levels.append(coarsened(adjacency, rng))
            adjacency = levels[-1].coarser()
        coarsest = StaticGraph.of_matrix(adjacency) if levels else graph
        if levels and len(coarsest) <= self.solver.size:
            raise ConfigError(
                f"levels={self.levels} leave {len(coarsest):,} of {len(graph):,} "
                f"nodes, too few for vectors of {self.solver.size} numbers. Lower "
                "levels or size, or take another graph: in a dense one all nodes are "
                "alike."
            )
        sides = self.solver.embed(coarsest)
        if any(len(side) != len(coarsest) for side in sides):
            raise ConfigError(
                f"{self.solver} gives vectors of items alone, and GraphZoom refines "
                'those of all nodes. Take it with on = "items".'
            )
        source, target = (self._refined(side, levels) for side in sides)
        return Solved.of_nodes(graph, source, target)

    def _refined(self, vectors: np.ndarray, levels: list[Level]) -> np.ndarray:
        for level in reversed(levels):
            vectors = vectors[level.part]
            smooth = low_pass(level.adjacency, self.loop)
            for _ in range(self.smoothing):
                vectors = smooth @ vectors
        return vectors
