"""Negatives: what a target is to be told from, and how likely each was to be drawn.

They are drawn by how often nodes are targets in the training part as a whole, whatever
the time of a pair; ``Planned`` alone draws from what was there at that time.
"""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.retrieval.objective.negatives.drawn import Drawer, Drawn
from tidegraph.retrieval.objective.negatives.every import Every
from tidegraph.retrieval.objective.negatives.per_pair import PerPair
from tidegraph.retrieval.objective.negatives.planned import Planned
from tidegraph.retrieval.objective.negatives.ranked import Ranked
from tidegraph.retrieval.objective.negatives.recent import InBatch, Queue
from tidegraph.retrieval.objective.negatives.shared import Shared
from tidegraph.retrieval.objective.pairs.positives import PairSource, Positives

__all__ = [
    "Curriculum",
    "Drawer",
    "Drawn",
    "Every",
    "InBatch",
    "Mixed",
    "NeedsBytes",
    "Negatives",
    "PerPair",
    "Planned",
    "Queue",
    "Ranked",
    "Scheduled",
    "Shared",
    "check_epochs",
    "drawer_of",
]


@runtime_checkable
class Negatives(Protocol):
    """Settings of negatives; some of your own need no more than this.

    Such as ``tg.PerPair(5)``.
    """

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what draws the negatives of an epoch."""
        ...


@runtime_checkable
class NeedsBytes(Protocol):
    """Negatives that hold more than a few nodes for each pair, and say how much."""

    def needs_bytes(self, users: int, items: int, batch: int) -> int:
        """Return what they take at least, of so many users and items."""
        ...


@runtime_checkable
class Scheduled(Protocol):
    """Negatives that are others in other epochs."""

    def at(self, epoch: int) -> Negatives:
        """Return those of an epoch, from 0."""
        ...


@settings
class Mixed:
    """Negatives of several kinds, side by side.

    Attributes:
        parts: The kinds.

    Source:
        Yang et al., "Mixed Negative Sampling for Learning Two-tower Neural Networks in
        Recommendations", WWW 2020, for uniform ones beside those in the batch.
    """

    parts: tuple[Negatives, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ConfigError("Mixed has no parts. Name at least one kind of negative.")

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what draws the negatives of an epoch."""
        return _Mixed([part.drawer(pairs, rng) for part in self.parts])

    def needs_bytes(self, users: int, items: int, batch: int) -> int:
        """Return what all of them take together."""
        return sum(_bytes_of(part, users, items, batch) for part in self.parts)

    def at(self, epoch: int) -> "Mixed":
        """Return those of an epoch, from 0."""
        return Mixed(tuple(_at(part, epoch) for part in self.parts))


@settings
class Curriculum:
    """Easy negatives, and beside them n - 1 hard ones of each pair in epoch n.

    Attributes:
        easy: What the first epoch has alone.
        ranks: As of ``Ranked``.

    Source:
        Ying et al., "Graph Convolutional Neural Networks for Web-Scale Recommender
        Systems", KDD 2018, section 3.3.
    """

    easy: Negatives = field(default_factory=lambda: Shared(500))
    ranks: tuple[int, int] = (2000, 5000)

    def __post_init__(self) -> None:
        Ranked(1, self.ranks)

    def at(self, epoch: int) -> Negatives:
        """Return those of an epoch, from 0."""
        easy = _at(self.easy, epoch)
        return Mixed((easy, Ranked(epoch, self.ranks))) if epoch else easy

    def needs_bytes(self, users: int, items: int, batch: int) -> int:
        """Return what the easy ones take, and the ranks of the hard ones."""
        hard = Ranked(1, self.ranks).needs_bytes(users, items, batch)
        return hard + _bytes_of(self.easy, users, items, batch)

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what draws the negatives of the first epoch."""
        return self.at(0).drawer(pairs, rng)


def drawer_of(
    negatives: Negatives | None,
    epoch: int,
    pairs: PairSource,
    rng: np.random.Generator,
) -> Drawer:
    """Return what draws the negatives of an epoch, from 0; nothing for a loss of none.

    What learns from negatives has them from here, so that those that change do.
    """
    return _None() if negatives is None else _at(negatives, epoch).drawer(pairs, rng)


def check_epochs(negatives: Negatives | None, epochs: int, pairs: PairSource) -> None:
    """Raise before the first epoch what the second would be refused for."""
    if isinstance(negatives, Scheduled) and epochs > 1:
        drawer_of(negatives, 1, pairs, np.random.default_rng(0))


def _bytes_of(negatives: Negatives, users: int, items: int, batch: int) -> int:
    some = isinstance(negatives, NeedsBytes)
    return negatives.needs_bytes(users, items, batch) if some else 0


def _at(negatives: Negatives, epoch: int) -> Negatives:
    """Return the negatives of an epoch, which most have alike in all."""
    return negatives.at(epoch) if isinstance(negatives, Scheduled) else negatives


@dataclass(frozen=True, eq=False)
class _None:
    """Draws nothing, a row for each pair."""

    def draw(self, batch: Positives) -> Drawn:
        node = np.zeros((len(batch.source), 0), np.int64)
        return Drawn(node, self.log_count(node, batch))

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], batch: Positives
    ) -> Float[np.ndarray, "..."]:
        return np.full(node.shape, -np.inf)


@dataclass(frozen=True, eq=False)
class _Mixed:
    parts: list[Drawer]

    def draw(self, batch: Positives) -> Drawn:
        drawn, rows = [part.draw(batch) for part in self.parts], len(batch.source)
        # What all pairs share goes first: a vector and a product do for the batch.
        drawn.sort(key=lambda one: one.node.ndim)
        nodes = [one.node for one in drawn]
        common = sum(len(node) for node in nodes if node.ndim == 1)
        if nodes[-1].ndim == 2:
            nodes = [np.broadcast_to(node, (rows, node.shape[-1])) for node in nodes]
        node = np.concatenate(nodes, axis=-1)
        first = np.cumsum([0, *(one.node.shape[-1] for one in drawn)])
        missing = [
            (one.missing[0], one.missing[1] + begin)
            for one, begin in zip(drawn, first[:-1], strict=True)
            if one.missing is not None
        ]
        nowhere = np.zeros(0, np.int64), np.zeros(0, np.int64)
        row, column = map(np.concatenate, zip(nowhere, *missing, strict=True))
        return Drawn(node, self.log_count(node, batch), (row, column), common)

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], batch: Positives
    ) -> Float[np.ndarray, "..."]:
        counts = [part.log_count(node, batch) for part in self.parts]
        return np.logaddexp.reduce(np.broadcast_arrays(*counts), axis=0)
