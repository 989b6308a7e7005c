"""Tables of vectors trained by compiled kernels, a step for every pair."""

from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.kernels.tables.grid import Grid
from tidegraph.kernels.tables.noise import Noise
from tidegraph.kernels.tables.pairwise import pairwise
from tidegraph.kernels.tables.skip_gram import negatives_of, skip_gram
from tidegraph.nn.conv.identity import SourceTarget, Table
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import BPR, SkipGram
from tidegraph.retrieval.objective.negatives import PerPair
from tidegraph.retrieval.objective.negatives.linked import Linked
from tidegraph.retrieval.objective.pairs import PairSource, Positives
from tidegraph.retrieval.objective.pairs.edges import EdgePairs
from tidegraph.rng import fresh_seed
from tidegraph.training.prefetch import iterate_ahead

with needed("torch", "neural", "a neural network"):
    from torch import nn


class _Batch(NamedTuple):
    grid: Grid
    key: int


@dataclass(frozen=True, eq=False)
class FusedPairs:
    """The task of an embedding whose vectors are tables, by steps of its own.

    Attributes:
        module: What learns.
        pairs: What belongs together.
        objective: The loss and its negatives. Those of skip-gram are shared by a few
            pairs.
        size: Pairs in a batch, which share their parts of nodes.
        judge: Says how good the vectors are, nan if nothing is held out.
    """

    module: nn.Module
    pairs: PairSource
    objective: Objective
    size: int
    judge: Callable[[], float]
    unit: str = "pairs"

    def __post_init__(self) -> None:
        loss = self.objective.loss
        fits = isinstance(loss, SkipGram | BPR) and isinstance(loss.drawn, PerPair)
        if not fits or loss.temperature is not None:
            raise ConfigError(
                "PairSGD knows SkipGram and BPR, of products and with negatives of "
                f"each pair, and this is {loss}. Use another optimizer, such as Adam."
            )
        if isinstance(loss, SkipGram) and self.objective.l2:
            raise ConfigError(
                f"PairSGD knows SkipGram without a penalty, and l2 is "
                f"{self.objective.l2}. Set it to 0, or use another optimizer."
            )
        drawn, pairs = self._negatives, self.pairs
        if isinstance(loss, SkipGram) and not drawn.linked:
            raise ConfigError(
                "PairSGD draws the negatives of SkipGram as noise, which may be linked "
                f"with the source, and {drawn} leaves those out. Say linked=True, or "
                "use another optimizer, such as Adam."
            )
        if isinstance(loss, BPR) and (drawn.linked or drawn.count > 1):
            raise ConfigError(
                "PairSGD draws one negative for each pair of BPR, which is not linked "
                f"with the source, and these are {drawn}. Take PerPair(1), or another "
                "optimizer, such as Adam."
            )
        apart = isinstance(pairs, EdgePairs) and not pairs.both_ways
        if isinstance(loss, BPR) and not apart:
            raise ConfigError(
                "PairSGD knows BPR of users and their items alone, and these are other "
                "pairs. Use pairs = Edges(), or another optimizer."
            )
        if type(self.module) not in (Table, SourceTarget):
            raise ConfigError(
                "PairSGD moves tables of vectors alone, and this encoder computes "
                "them. Use another optimizer, such as Adam."
            )

    @property
    def steps(self) -> int:
        """How many batches an epoch has; 0 if the pairs are not counted."""
        pairs = self.pairs
        count = len(pairs) if isinstance(pairs, Sized) else 0
        return -(-count // self.size)

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterator[_Batch]:
        """Return the batches of an epoch, the next drawn while one is learnt from."""
        return iterate_ahead(
            self._batch(pairs, rng) for pairs in self.pairs.epoch(self.size, rng)
        )

    def _batch(self, pairs: Positives, rng: np.random.Generator) -> _Batch:
        key, count = fresh_seed(rng), len(pairs.source)
        if isinstance(self.objective.loss, SkipGram):
            count = negatives_of(count, self._negatives.count)
        source, target = (side.astype(np.int32) for side in pairs[:2])
        return _Batch(Grid.drawn(source, target, self._noise, count, key), key)

    def step(self, batch: _Batch, rate: float) -> float:
        """Take the steps of a batch, and return the mean loss before each."""
        source, target = self._tables
        if isinstance(self.objective.loss, SkipGram):
            one, count = source is target, self._negatives.count
            return skip_gram(source, target, batch.grid, rate, count, one_table=one)
        l2 = self.objective.l2
        return pairwise(source, target, batch.grid, self._known, rate, l2, batch.key)

    def examples(self, batch: _Batch) -> int:
        """Return how many pairs a batch has."""
        return len(batch.grid.source)

    def validate(self) -> float:
        """Return how well what is held out is found; nan if nothing is."""
        return self.judge()

    @property
    def _negatives(self) -> PerPair:
        drawn = self.objective.loss.drawn
        assert isinstance(drawn, PerPair)
        return drawn

    @cached_property
    def _noise(self) -> Noise:
        return Noise.of(self.pairs.frequency, self._negatives.power)

    @property
    def _tables(self) -> tuple[Float32[np.ndarray, "n d"], Float32[np.ndarray, "n d"]]:
        """The weights, as the arrays that the module reads."""
        assert isinstance(self.module, Table)
        own = self.module.own.weight.detach().numpy()
        if isinstance(self.module, SourceTarget):
            return own, self.module.other.weight.detach().numpy()
        return own, own

    @cached_property
    def _known(self) -> SparseRows:
        """The neighbours of each node, increasing."""
        return Linked.of(self.pairs.graph).rows
