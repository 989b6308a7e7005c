"""Negatives that are the targets of other pairs: in the batch, or before it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from tidegraph.arguments import settings
from tidegraph.kernels.tables.noise import Noise
from tidegraph.ranges import at_least
from tidegraph.retrieval.objective.negatives.drawn import (
    Drawer,
    Drawn,
    drawn_targets,
)
from tidegraph.retrieval.objective.pairs.positives import PairSource, Positives
from tidegraph.rng import fresh_seed


@settings
class InBatch:
    """The targets of the other pairs of the batch, so by popularity."""

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what draws the negatives of an epoch."""
        return _InBatch(Noise.of(pairs.frequency, 1.0))


@settings
class Queue:
    """The targets of the pairs before these, first in, first out; so by popularity.

    Attributes:
        count: How many are remembered.

    Source:
        Zhou et al., "Contrastive Learning for Debiased Candidate Generation in
        Large-Scale Recommender Systems" (CLRec), KDD 2021, section 3.3. Departs: the
        queue holds nodes, whose vectors are those of today; what it holds as an epoch
        begins is drawn by popularity, as the targets of the pairs before would be, so
        that a training that was stopped goes on as one that was not.
    """

    count: int = 2560

    def __post_init__(self) -> None:
        at_least("Queue", 1, count=self.count)

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what draws the negatives of an epoch."""
        noise = Noise.of(pairs.frequency, 1.0)
        return _Queue(noise, noise.draw(self.count, fresh_seed(rng)).astype(np.int64))


@dataclass(frozen=True, eq=False)
class _InBatch:
    noise: Noise

    def draw(self, batch: Positives) -> Drawn:
        node = batch.target
        return Drawn(node, self.log_count(node, batch), drawn_targets(node, batch))

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], batch: Positives
    ) -> Float[np.ndarray, "..."]:
        return self.noise.log_count(node, len(batch.target) - 1)


@dataclass(eq=False)
class _Queue:
    """The targets before the next batch, oldest first; always as many."""

    noise: Noise
    held: Int64[np.ndarray, " count"]

    def draw(self, batch: Positives) -> Drawn:
        node = self.held
        self.held = np.concatenate([node, batch.target])[-len(node) :]
        return Drawn(node, self.log_count(node, batch), drawn_targets(node, batch))

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], batch: Positives
    ) -> Float[np.ndarray, "..."]:
        return self.noise.log_count(node, len(self.held))
