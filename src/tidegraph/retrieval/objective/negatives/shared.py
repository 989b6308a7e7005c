"""The same negatives for all pairs of a batch."""

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
class Shared:
    """The same negatives for all pairs of a batch, so that many cost little.

    What is drawn and is the target of a pair is left out for it.

    Attributes:
        count: How many.
        power: Drawn in proportion to how often a node is a target, to this power: 0
            each as likely, 1 by popularity.

    Source:
        Mikolov et al. (2013) for the power .75.
    """

    count: int = 1024
    power: float = 0.0

    def __post_init__(self) -> None:
        at_least("Shared", 1, count=self.count)
        at_least("Shared", 0, power=self.power)

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what draws the negatives of an epoch."""
        return _Shared(self.count, Noise.of(pairs.frequency, self.power), rng)


@dataclass(frozen=True, eq=False)
class _Shared:
    count: int
    noise: Noise
    rng: np.random.Generator

    def draw(self, batch: Positives) -> Drawn:
        node = self.noise.draw(self.count, fresh_seed(self.rng)).astype(np.int64)
        return Drawn(node, self.log_count(node, batch), drawn_targets(node, batch))

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], batch: Positives
    ) -> Float[np.ndarray, "..."]:
        return self.noise.log_count(node, self.count)
