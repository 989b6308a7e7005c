"""DeepWalk of any graph: skip-gram of what comes near to one another on its walks."""

from collections.abc import Iterator

import numpy as np
import scipy

from tidegraph.arguments import settings
from tidegraph.graph.static import StaticGraph
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.walks.windows import WeightedWalks
from tidegraph.kernels.tables.grid import Grid
from tidegraph.kernels.tables.noise import Noise
from tidegraph.kernels.tables.skip_gram import negatives_of, skip_gram
from tidegraph.nn.deviation import DEVIATION
from tidegraph.ranges import above, at_least
from tidegraph.retrieval.solvers.graphs import check_vectors, graph_of
from tidegraph.retrieval.solvers.solved import Solved
from tidegraph.rng import fresh_seed

_AT_ONCE, _POWER = 2**18, 0.75


@settings
class SkipGramWalks:
    """DeepWalk of the graph of users and items, of edges as strong as they are.

    It trains as ``deepwalk`` does, and is here for what has weights: a graph that
    ``GraphZoom`` has made small. Rates fall in a line.

    Attributes:
        embedding_size: Numbers in a vector.
        walks: Walks from each node; as many rounds over all nodes.
        length: Steps of a walk.
        window: How many steps apart nodes belong together.
        negatives: Noise for each pair, by strength^0.75.
        learning_rate: Length of the first step.
        seed: Seed of everything random; that of the run if left out.

    Source:
        Perozzi et al., "DeepWalk: Online Learning of Social Representations", KDD 2014.
    """

    embedding_size: int = 64
    walks: int = 10
    length: int = 40
    window: int = 5
    negatives: int = 5
    learning_rate: float = 0.025
    seed: int | None = None

    def __post_init__(self) -> None:
        at_least(
            "SkipGramWalks", 1, embedding_size=self.embedding_size, walks=self.walks
        )
        at_least("SkipGramWalks", 1, length=self.length, window=self.window)
        at_least("SkipGramWalks", 1, negatives=self.negatives)
        at_least("SkipGramWalks", 0, seed=self.seed)
        above("SkipGramWalks", 0, learning_rate=self.learning_rate)

    def check(self, pairs: "scipy.sparse.csr_array") -> None:
        """Find out before any work whether pairs of users and items fit.

        Raises:
            ConfigError: They take more memory than the machine has.
        """
        # Two tables of 32 bits.
        check_vectors("SkipGramWalks", sum(pairs.shape), self.embedding_size, each=8)

    def solve(self, pairs: "scipy.sparse.csr_array") -> Solved:
        """Return source and target vectors."""
        graph = self.graph(pairs)
        return Solved.of_nodes(graph, *self.embed(graph))

    def graph(self, pairs: "scipy.sparse.csr_array") -> StaticGraph:
        """Return the graph that it works on."""
        return graph_of("SkipGramWalks", pairs, "bipartite")

    def embed(self, graph: StaticGraph) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target vectors of the nodes of a graph."""
        rng = np.random.default_rng(self.seed or 0)
        shape = (len(graph), self.embedding_size)
        sides = [rng.normal(0, DEVIATION, shape).astype(np.float32) for _ in range(2)]
        source, target = sides
        # A node without an edge is near to nothing.
        source[graph.strength == 0] = target[graph.strength == 0] = 0
        noise = Noise.of(graph.strength, _POWER)
        for share, (one, other) in self._pairs(graph, rng):
            key = fresh_seed(rng)
            count = negatives_of(len(one), self.negatives)
            grid = Grid.drawn(one, other, noise, count, key)
            rate = self.learning_rate * max(1 - share, 1e-4)
            skip_gram(source, target, grid, rate, self.negatives)
        return source, target

    def _pairs(
        self, graph: StaticGraph, rng: np.random.Generator
    ) -> Iterator[tuple[float, tuple[np.ndarray, np.ndarray]]]:
        """Yield pairs of nodes near to each other, after the share that is done."""
        here = np.repeat(np.arange(len(graph), dtype=np.int32), graph.degree())
        weight = graph.weight.astype(np.float32)
        edges = TemporalCSR.build(here, graph.node, None, len(graph), weight)
        starts = np.flatnonzero(graph.strength).astype(np.int32)
        walks = WeightedWalks(edges, starts, self.walks, self.length, self.window)
        for done, pairs in walks.window_pairs(_AT_ONCE, rng):
            yield done / len(walks), pairs
