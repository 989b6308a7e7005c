"""Negatives of its own for each pair."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from tidegraph.arguments import settings
from tidegraph.ranges import at_least
from tidegraph.retrieval.objective.negatives.drawn import Drawer, Drawn
from tidegraph.retrieval.objective.negatives.popularity import Popularity
from tidegraph.retrieval.objective.pairs.positives import PairSource, Positives

_ATTEMPTS = 20


@settings
class PerPair:
    """Negatives of its own for each pair, which the source has no edge to.

    Attributes:
        count: How many for each pair.
        power: As of ``Shared``.
    """

    count: int = 1
    power: float = 0.0

    def __post_init__(self) -> None:
        at_least("PerPair", 1, count=self.count)
        at_least("PerPair", 0, power=self.power)

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what draws the negatives of an epoch."""
        popularity = Popularity(pairs.frequency, self.power)
        return _PerPair(self.count, popularity, _Linked.of(pairs), rng)


@dataclass(frozen=True, eq=False)
class _Linked:
    """Which source has an edge to which target.

    Attributes:
        key: ``source * nodes + target`` of every edge, increasing.
        nodes: How many nodes there are.
    """

    key: Int64[np.ndarray, " edges"]
    nodes: int

    @classmethod
    def of(cls, pairs: PairSource) -> "_Linked":
        graph = pairs.graph
        row, column = graph.row.numpy(), graph.column.numpy()
        return cls(np.sort(row * graph.nodes + column), graph.nodes)

    def has(
        self, source: Int64[np.ndarray, " b"], target: Int64[np.ndarray, "b n"]
    ) -> Bool[np.ndarray, "b n"]:
        if not len(self.key):
            return np.zeros(target.shape, np.bool_)
        key = source[:, None] * self.nodes + target
        at = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        return self.key[at] == key

    def share(self, popularity: Popularity) -> Float64[np.ndarray, " nodes"]:
        """Return how likely a draw is a target that each source has an edge to."""
        source, target = np.divmod(self.key, self.nodes)
        return np.bincount(source, popularity.share[target], minlength=self.nodes)


@dataclass(frozen=True, eq=False)
class _PerPair:
    count: int
    popularity: Popularity
    linked: _Linked
    rng: np.random.Generator

    def draw(self, batch: Positives) -> Drawn:
        node = self.popularity.draw((len(batch.source), self.count), self.rng)
        wrong = self._is_no_negative(node, batch)
        for _ in range(_ATTEMPTS):
            if not wrong.any():
                break
            node[wrong] = self.popularity.draw((int(wrong.sum()),), self.rng)
            wrong = self._is_no_negative(node, batch)
        missing = np.nonzero(wrong)
        return Drawn(node, self.log_count(node, batch), (missing[0], missing[1]))

    def _is_no_negative(
        self, node: Int64[np.ndarray, "b n"], batch: Positives
    ) -> Bool[np.ndarray, "b n"]:
        return self.linked.has(batch.source, node) | (node == batch.target[:, None])

    @cached_property
    def _left(self) -> Float64[np.ndarray, " nodes"]:
        """How likely a draw counts, for each source."""
        return np.maximum(1 - self.linked.share(self.popularity), 1e-12)

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], batch: Positives
    ) -> Float[np.ndarray, "..."]:
        left = self._left[batch.source][:, None]
        return self.popularity.log_count(node, self.count) - np.log(left)
