"""What comes near to one another on weighted walks, drawn anew and never kept."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.walks.random_walks import Habit, walks
from tidegraph.kernels.keyed_rng import root_keys
from tidegraph.kernels.ragged import in_batches
from tidegraph.kernels.windows import Nodes, row_window_pairs
from tidegraph.rng import fresh_seed


@dataclass(frozen=True, eq=False)
class WeightedWalks:
    """Walks that take an edge as often as it is strong.

    Attributes:
        edges: What is walked along.
        starts: Where walks begin.
        times: Walks from each of them, in as many rounds.
        length: Steps of a walk.
        window: How many steps apart the two of a pair are at the most.
    """

    edges: TemporalCSR
    starts: Int32[np.ndarray, " starts"]
    times: int
    length: int
    window: int

    def __len__(self) -> int:
        """How many walks there are."""
        return self.times * len(self.starts)

    def window_pairs(
        self, size: int, rng: np.random.Generator
    ) -> Iterator[tuple[int, tuple[Nodes, Nodes]]]:
        """Yield pairs of new walks, about ``size`` of them, after how many walks.

        Each round is of an order drawn anew; a batch goes on where a round ends.
        """
        rows = max(1, size // (2 * self.window * (self.length + 1)))
        rounds = (rng.permutation(self.starts) for _ in range(self.times))
        done = 0
        for some in in_batches(rounds, rows):
            keys = root_keys(fresh_seed(rng), 0, len(some))
            found = walks((self.edges,), some, keys, self.length, Habit(weighted=True))
            yield done, row_window_pairs(found, self.window)
            done += len(some)
