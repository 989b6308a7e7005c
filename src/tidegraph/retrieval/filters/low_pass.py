"""The ideal low-pass filter: a history as seen by the first singular vectors."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import scipy
from jaxtyping import Float32, Int32

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.graph.from_log import ITEM
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.products import products
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.ranges import at_least, seed_below
from tidegraph.retrieval.filters.degrees import degree_powers, node_gains
from tidegraph.retrieval.filters.svd import truncated_svd
from tidegraph.retrieval.scoring.memory import check_memory


@settings
class LowPass:
    """Projects a history on what users have in common: x D^-p V V' D^p.

    V are the right singular vectors with the largest values of n^-1/2 R d^-1/2, with R
    the pairs of users and items and n, d their degrees; D is the diagonal of d.

    Attributes:
        rank: How many singular vectors.
        power: p, how far popular items are held back in the history and brought
            forward in the answer.
        normalised: Divide by the degrees? If not, V are those of R itself.
        steps: Power iterations of the randomised decomposition; more are nearer to the
            exact one.
        seed: Seed of the randomised decomposition; that of the run if left out.
        at_most: Is ``rank`` but the most, so that of a log of fewer users or items all
            there are will do? It is refused otherwise.

    Source:
        Shen et al., "How Powerful is Graph Convolution for Recommendation?", CIKM
        2021, section 5.3; Halko et al. (2011) for the decomposition.
    """

    rank: int = 256
    power: float = 0.5
    normalised: bool = True
    steps: int = 4
    seed: int | None = None
    at_most: bool = False

    def __post_init__(self) -> None:
        at_least("LowPass", 1, rank=self.rank)
        at_least("LowPass", 0, power=self.power, steps=self.steps, seed=self.seed)
        seed_below("LowPass", 32, self.seed)

    def precomputed(self, graph: StaticGraph) -> Mapping[str, np.ndarray]:
        """Return the singular vectors of the items.

        Raises:
            ConfigError: There are fewer users or items than ``rank``, or they take more
                memory than the machine has.
        """
        items = graph.size(ITEM)
        linked = graph.degree() > 0
        fewest = min(int(linked[:items].sum()), int(linked[items:].sum()))
        rank = min(self.rank, fewest) if self.at_most else self.rank
        # Of each number the vector, and a double that it is found by.
        needed = len(graph) * rank * 12
        check_memory(f"LowPass on {len(graph):,} nodes", needed, "lower rank")
        if rank > fewest:
            raise ConfigError(
                f"LowPass has rank={rank}, but of {fewest:,} users or items with an "
                f"action there are at most {fewest:,} singular vectors. Lower rank."
            )
        half = -0.5 if self.normalised else 0.0
        of_items, of_users = degree_powers(graph, half, half)
        pairs = scipy.sparse.csr_array(graph.csr()[items:, :items])
        left, right = (scipy.sparse.diags_array(side) for side in (of_users, of_items))
        scaled = scipy.sparse.csr_array(left @ pairs @ right)
        _, _, vectors = truncated_svd(scaled, rank, self.steps, self.seed or 0)
        return {"vectors": vectors}

    def scores(
        self,
        graph: StaticGraph,
        solved: Mapping[str, np.ndarray],
        history: SparseRows,
    ) -> Float32[np.ndarray, "b items"]:
        """Return the projection of each history."""
        every = np.arange(graph.size(ITEM), dtype=np.int32)
        return self.scores_of(graph, solved, history, every)

    def scores_of(
        self,
        graph: StaticGraph,
        solved: Mapping[str, np.ndarray],
        history: SparseRows,
        item: Int32[np.ndarray, " some"],
    ) -> Float32[np.ndarray, "b some"]:
        """Return the projection of each history on some items."""
        vectors = solved["vectors"]
        before, after = (
            node_gains(graph, ITEM, power) for power in (-self.power, self.power)
        )
        weight = history.weight * before[history.column]
        seen = replace(history, weight=weight).csr() @ vectors
        some = vectors if len(item) == len(vectors) else vectors[item]
        return products(np.asarray(seen, np.float32), some) * after[item]
