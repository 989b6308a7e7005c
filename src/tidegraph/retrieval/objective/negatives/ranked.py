"""Hard negatives: items that PageRank ranks near to a user, but not nearest."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int32, Int64

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.graph.from_log import ITEM, USER
from tidegraph.graph.negatives.kernels import draw_subsets
from tidegraph.graph.proximity.proximities import nearest, pagerank
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.keyed_rng import root_keys
from tidegraph.ranges import at_least
from tidegraph.retrieval.objective.negatives.drawn import Drawer, Drawn
from tidegraph.retrieval.objective.negatives.linked import Linked
from tidegraph.retrieval.objective.pairs.positives import PairSource, Positives
from tidegraph.retrieval.scoring.evidence import evident_pairs
from tidegraph.rng import fresh_seed
from tidegraph.stages import Fold


@settings
class Ranked:
    """Items of a window of ranks for each pair, by PageRank from its user.

    Ranks are over the whole of training, whatever the time of a pair, and found once
    for all users; items that the user has are in them, but are no negatives.

    Attributes:
        count: How many for each pair, none of them twice; less where the window has no
            more.
        ranks: First rank, from 0, and one after the last.

    Source:
        Ying et al., "Graph Convolutional Neural Networks for Web-Scale Recommender
        Systems", KDD 2018, section 3.3. Departs: from the user, who is the query here.
    """

    count: int = 1
    ranks: tuple[int, int] = (2000, 5000)

    def __post_init__(self) -> None:
        at_least("Ranked", 1, count=self.count)
        first, last = self.ranks
        if not 0 <= first < last:
            raise ConfigError(
                f"ranks {first} to {last} hold no item. Name a first rank, from 0, and "
                "one after the last."
            )

    def needs_bytes(self, users: int, items: int, batch: int) -> int:
        """Return what the ranks of all users take, and the copy of the window.

        Every rank has a place of an item and of its score, of four bytes each.
        """
        first, last = self.ranks
        return users * (8 * last + 4 * (last - first))

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what draws the negatives of an epoch.

        Raises:
            ConfigError: No item has such a rank, or sources are not users alone.
        """
        users = pairs.graph.users
        if not users or pairs.frequency[:users].any():
            raise ConfigError(
                "ranks are those of items for the user of each pair, and the sources "
                "of these pairs are not users alone. Take pairs of Edges(), or other "
                "negatives."
            )
        window = pairs.fold.view(_rank_window, users, *self.ranks)
        if not (window >= 0).any():
            raise ConfigError(
                f"ranks {self.ranks[0]:,} to {self.ranks[1]:,} hold no item: there are "
                f"{pairs.graph.items:,}, and walks reach no more. Name nearer ranks."
            )
        return _Ranked(self.count, window, users, Linked.of(pairs.graph), rng)


def _rank_window(
    fold: Fold, users: int, first: int, last: int
) -> Int32[np.ndarray, "users ranks"]:
    """Return the items in a window of ranks for each user, -1 for none."""
    graph = StaticGraph.bipartite(fold.view(evident_pairs))
    rows = graph.rows(USER, np.arange(users, dtype=np.int32))
    found, _ = nearest(graph, pagerank(), rows, range(graph.size(ITEM)), last)
    return found[:, first:].copy()


@dataclass(frozen=True, eq=False)
class _Ranked:
    count: int
    window: Int32[np.ndarray, "users ranks"]
    users: int
    linked: Linked
    rng: np.random.Generator

    def draw(self, batch: Positives) -> Drawn:
        found = np.full((len(batch.source), self.count), -1, np.int32)
        ids, kept = self._window_of_pairs(batch)
        draw_subsets(root_keys(fresh_seed(self.rng), 0, len(found)), ids, kept, found)
        node = np.where(found < 0, 0, found).astype(np.int64) + self.users
        missing = np.nonzero(found < 0)
        return Drawn(node, self.log_count(node, batch), (missing[0], missing[1]))

    def _window_of_pairs(self, batch: Positives) -> tuple[np.ndarray, np.ndarray]:
        """Return the window of each pair, and which of it are negatives."""
        ids = self.window[batch.source]
        node = ids.astype(np.int64) + self.users
        kept = (ids >= 0) & ~self.linked.has(batch.source, np.maximum(node, 0))
        return ids, kept & (node != batch.target[:, None])

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], batch: Positives
    ) -> Float[np.ndarray, "..."]:
        ids, kept = self._window_of_pairs(batch)
        node = np.broadcast_to(node, (len(ids), node.shape[-1]))
        many = kept.sum(axis=1, keepdims=True)
        share = np.minimum(self.count / np.maximum(many, 1), 1.0)
        there = np.zeros(node.shape, np.bool_)
        size = int(max(ids.max(), node.max() - self.users)) + 1
        _write_kept_items(ids, kept, node - self.users, size, there)
        with np.errstate(divide="ignore"):
            return np.log(np.where(there, share, 0.0))


@compiled
def _write_kept_items(
    ids: np.ndarray, kept: np.ndarray, item: np.ndarray, size: int, out: np.ndarray
) -> None:
    """Write which items of each row are kept in its window."""
    row_of = np.full(size, -1, np.int64)
    for row in range(ids.shape[0]):
        for k in range(ids.shape[1]):
            if kept[row, k]:
                row_of[ids[row, k]] = row
        for n in range(item.shape[1]):
            out[row, n] = row_of[item[row, n]] == row
