"""Hard negatives as plans: from a window of ranks."""

from dataclasses import dataclass

import numpy as np

from tidegraph.arguments import checked
from tidegraph.ego.nearest import Near
from tidegraph.ego.negative_plans import Negatives, clocks_of, neighbor_index_of
from tidegraph.ego.seeding import sampled_by_rows
from tidegraph.ego.walks import VisitCount
from tidegraph.errors import ConfigError
from tidegraph.graph.negatives.kernels import draw_subsets, exclude_neighbors
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot


@dataclass(frozen=True)
class HardNegatives:
    """Hard negatives: nodes of a window of ranks around each row's node.

    Attributes:
        pool: Ranks nodes around the row's node: ``walk(...).top(500)`` or
            ``near(..., count=500)``.
        count: How many to draw from the window, without replacement.
        window: First rank, from 0, and one after the last.
        avoid: Never draw neighbours of the row's node along this edge before the clock.
    """

    pool: VisitCount | Near
    count: int
    window: tuple[int, int]
    avoid: str | None = None

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node that the negatives are drawn for."""
        begins = self.pool.start(graph)
        if self.avoid is not None and graph.ends(self.avoid)[0] != begins:
            raise ConfigError(
                f"the pool starts from {begins!r}, and avoid={self.avoid!r} from "
                f"{graph.ends(self.avoid)[0]!r}. Rank around the node that should "
                "not get its neighbours."
            )
        drawn = self.draws(graph)
        if self.avoid is not None and graph.ends(self.avoid)[1] != drawn:
            raise ConfigError(
                f"the pool ranks {drawn!r}, and avoid={self.avoid!r} leads to "
                f"{graph.ends(self.avoid)[1]!r}. Avoid along an edge to what is ranked."
            )
        return begins

    def draws(self, graph: Snapshot) -> str:
        """Return the type of node that is drawn."""
        if isinstance(self.pool, Near):
            return self.pool.of
        return graph.ends(self.pool.walk.path[-1])[1]

    def __str__(self) -> str:
        text = f"hard({self.pool}, {self.count}, ranks={self.window}"
        return f"{text}, avoid={self.avoid!r})"

    @sampled_by_rows
    def sample(self, graph: Snapshot, seeds: Seeds) -> Negatives:
        """Return negatives for each row; what it chose is never among them."""
        self.start(graph)
        first, last = self.window
        ids = self.pool.sample(graph, seeds).ids[1][:, first:last].copy()
        clocks = clocks_of(graph, (self.avoid,), seeds, ever=self.pool.ever)
        kept = ids >= 0
        chosen = seeds.chosen(self.draws(graph))
        if chosen is not None:
            kept &= ids != chosen[:, None]
        if self.avoid is not None:
            index, base, low, high = neighbor_index_of(graph[self.avoid], seeds)
            exclude_neighbors(index, base, low, high, clocks, ids, kept)
        out = np.full((len(ids), self.count), -1, np.int32)
        draw_subsets(seeds.key, ids, kept, out)
        return Negatives(out, out >= 0)


@checked(ConfigError)
def hard(
    pool: VisitCount | Near,
    count: int,
    *,
    ranks: tuple[int, int],
    avoid: str | None = None,
) -> HardNegatives:
    """Draw from a window of ranks, as PinSage's hard negatives.

    Args:
        pool: Ranks nodes around each row's node.
        count: How many to draw.
        ranks: First rank, from 0, and one after the last.
        avoid: Never draw neighbours of the row's node along this edge before the clock.

    Source:
        Ying et al., "Graph convolutional neural networks for web-scale recommender
        systems" (2018), section 3.3.
    """
    if not 0 <= ranks[0] < ranks[1] <= pool.count or count < 1:
        raise ConfigError(
            f"ranks {ranks[0]} to {ranks[1]} are not within the {pool.count} that "
            "are ranked. Keep more with top(), or name nearer ranks."
        )
    return HardNegatives(pool, count, ranks, avoid)
