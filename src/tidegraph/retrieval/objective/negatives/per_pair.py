"""Negatives of its own for each pair."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from tidegraph.arguments import settings
from tidegraph.kernels.tables.noise import Noise
from tidegraph.ranges import at_least
from tidegraph.retrieval.objective.negatives.drawn import Drawer, Drawn
from tidegraph.retrieval.objective.negatives.linked import Linked
from tidegraph.retrieval.objective.pairs.positives import PairSource, Positives
from tidegraph.rng import fresh_seed

_ATTEMPTS = 20


@settings
class PerPair:
    """Negatives of its own for each pair, none of them its target.

    Attributes:
        count: How many for each pair.
        power: As of ``Shared``.
        linked: May a negative have an edge to the source? Those of ``SkipGram`` do,
            since it tells pairs from noise.
    """

    count: int = 1
    power: float = 0.0
    linked: bool = False

    def __post_init__(self) -> None:
        at_least("PerPair", 1, count=self.count)
        at_least("PerPair", 0, power=self.power)

    def drawer(self, pairs: PairSource, rng: np.random.Generator) -> Drawer:
        """Return what draws the negatives of an epoch."""
        noise = Noise.of(pairs.frequency, self.power)
        avoided = None if self.linked else Linked.of(pairs.graph)
        return _PerPair(self.count, noise, avoided, rng)


@dataclass(frozen=True, eq=False)
class _PerPair:
    count: int
    noise: Noise
    avoided: Linked | None
    rng: np.random.Generator

    def draw(self, batch: Positives) -> Drawn:
        node = self._noise((len(batch.source), self.count))
        wrong = self._is_no_negative(node, batch)
        for _ in range(_ATTEMPTS):
            if not wrong.any():
                break
            node[wrong] = self._noise((int(wrong.sum()),))
            wrong = self._is_no_negative(node, batch)
        missing = np.nonzero(wrong)
        return Drawn(
            node, self._log_count_unconditional(node, batch), (missing[0], missing[1])
        )

    def _noise(self, shape: tuple[int, ...]) -> Int64[np.ndarray, "*shape"]:
        return self.noise.draw(shape, fresh_seed(self.rng)).astype(np.int64)

    def _is_no_negative(
        self, node: Int64[np.ndarray, "b n"], batch: Positives
    ) -> Bool[np.ndarray, "b n"]:
        target = node == batch.target[:, None]
        if self.avoided is None:
            return target
        return target | self.avoided.has(batch.source, node)

    @cached_property
    def _share_linked(self) -> Float64[np.ndarray, " nodes"]:
        """How likely a draw has an edge to each source."""
        assert self.avoided is not None
        return self.avoided.share(self.noise)

    def log_count(
        self, node: Int64[np.ndarray, "*rows n"], batch: Positives
    ) -> Float[np.ndarray, "..."]:
        shape = len(batch.source), node.shape[-1]
        node = np.ascontiguousarray(np.broadcast_to(node, shape))
        never = self._is_no_negative(node, batch)
        return np.where(never, -np.inf, self._log_count_unconditional(node, batch))

    def _log_count_unconditional(
        self, node: Int64[np.ndarray, "b n"], batch: Positives
    ) -> Float[np.ndarray, "b _"]:
        """Return the log of how often each comes, of those that are negatives."""
        if self.avoided is None:
            taken = self.noise.share[batch.target]
        else:
            taken = self._share_linked[batch.source]
        left = np.maximum(1 - taken, 1e-12)[:, None]
        return self.noise.log_count(node, self.count) - np.log(left)
