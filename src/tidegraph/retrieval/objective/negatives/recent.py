"""Negatives that are the targets of other pairs: in the batch, or before it."""

from collections import deque
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


@dataclass(frozen=True)
class InBatch:
    """The targets of the other pairs of the batch, so by popularity."""

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what draws the negatives of an epoch."""
        return _Recent(0, Noise.of(pairs.frequency, 1.0))


@settings
class Queue:
    """The targets of the pairs before these, first in, first out; so by popularity.

    Attributes:
        count: How many are remembered.

    Source:
        Zhou et al., "Contrastive Learning for Debiased Candidate Generation in
        Large-Scale Recommender Systems" (CLRec), KDD 2021, section 3.3. Departs: the
        queue holds nodes, whose vectors are those of today.
    """

    count: int = 2560

    def __post_init__(self) -> None:
        at_least("Queue", 1, count=self.count)

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what draws the negatives of an epoch."""
        return _Recent(self.count, Noise.of(pairs.frequency, 1.0))


class _Recent:
    """The targets of this batch and of those before it, as far as is remembered."""

    def __init__(self, remembered: int, noise: Noise) -> None:
        self.noise, self.remembered = noise, remembered
        self.held: deque[int] = deque(maxlen=remembered or None)
        self.count = 0

    def draw(self, batch: Positives) -> Drawn:
        if self.remembered:
            node = np.array(self.held, np.int64)
            self.held.extend(batch.target.tolist())
            self.count = len(node)
        else:
            node, self.count = batch.target, len(batch.target) - 1
        return Drawn(node, self.log_count(node, batch), drawn_targets(node, batch))

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], batch: Positives
    ) -> Float[np.ndarray, "..."]:
        return self.noise.log_count(node, self.count)
