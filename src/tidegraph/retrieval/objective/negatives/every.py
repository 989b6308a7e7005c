"""Every other item as a negative."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from tidegraph.arguments import settings
from tidegraph.retrieval.objective.negatives.drawn import (
    Drawer,
    Drawn,
    drawn_targets,
)
from tidegraph.retrieval.objective.pairs.positives import PairSource, Positives

_PRODUCTS = 4
"""Matrices of products that a loss holds at least."""


@settings
class Every:
    """All that is ever a target, but the target of the pair: nothing is drawn.

    A sampled softmax with these is the whole one, or cross-entropy.
    """

    def needs_bytes(self, users: int, items: int, batch: int) -> int:
        """Return what the products of a batch with all items take.

        Losses hold four (a softmax) to nine (a yes and a no for each) of them.
        """
        return _PRODUCTS * 4 * batch * items

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what gives the negatives of an epoch."""
        return _Every(np.flatnonzero(pairs.frequency))


@dataclass(frozen=True, eq=False)
class _Every:
    node: Int64[np.ndarray, " n"]

    def draw(self, batch: Positives) -> Drawn:
        absent = drawn_targets(self.node, batch)
        return Drawn(self.node, self.log_count(self.node, batch), absent)

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], batch: Positives
    ) -> Float[np.ndarray, "..."]:
        return np.zeros((1,) * node.ndim)
