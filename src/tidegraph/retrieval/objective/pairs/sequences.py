"""Pairs of items that a user took one soon after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64, Integer

from tidegraph.arguments import settings
from tidegraph.data.views.sequences import Sequences
from tidegraph.errors import DataError
from tidegraph.kernels.ragged import owners, ranges, starts
from tidegraph.kernels.windows import window_pairs
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.ranges import at_least
from tidegraph.retrieval.objective.pairs.positives import Positives
from tidegraph.retrieval.scoring.evidence import evident_log, positive_events
from tidegraph.stages import Fold
from tidegraph.training.weights import tensor


@settings
class SequenceWindows:
    """Each item of a user's sequence with those near to it, in both directions.

    Items alone have vectors. Where there are no times, a sequence is in an order drawn
    anew every epoch.

    Attributes:
        window: How many places apart the two of a pair are at the most.

    Source:
        Barkan & Koenigstein, "Item2Vec: Neural Item Embedding for Collaborative
        Filtering", MLSP 2016, section 3, for sequences as they come, in place of sets.
    """

    window: int = 5

    def __post_init__(self) -> None:
        at_least("SequenceWindows", 1, window=self.window)

    def of(self, fold: Fold, method: str) -> "SequencePairs":
        """Return the pairs of a fold.

        Raises:
            DataError: It has none.
        """
        evident_log(fold, method)
        pairs = SequencePairs(fold, self.window)
        if not len(pairs):
            raise DataError(
                f"{method} learns from items that one user took after another, and "
                "nobody took two. Give it more events, or take pairs of Edges()."
            )
        return pairs


@dataclass(frozen=True, eq=False)
class SequencePairs:
    """The pairs of ``SequenceWindows``.

    Attributes:
        fold: What they were taken from.
        window: How many places apart the two of a pair are at the most.
    """

    fold: Fold
    window: int

    @cached_property
    def sequences(self) -> Sequences:
        """Each user's items in time order, without those that are no evidence."""
        return Sequences.of(self.fold.view(positive_events))

    @property
    def graph(self) -> GraphInputs:
        """Items, linked with what came directly before and after them."""
        return self._graph

    @cached_property
    def _graph(self) -> GraphInputs:
        items = int(self.sequences.item.max()) + 1
        one, other = window_pairs(self.sequences.ptr, self.sequences.item, 1)
        return item_graph(items, one, other)

    @property
    def frequency(self) -> Float64[np.ndarray, " items"]:
        """How often each item was taken."""
        count = np.bincount(self.sequences.item, minlength=self.graph.items)
        return count.astype(np.float64)

    @cached_property
    def _sizes(self) -> Int64[np.ndarray, " users"]:
        """How many pairs each user has."""
        length = np.diff(self.sequences.ptr)
        near = np.clip(length - 1, 0, self.window)
        return 2 * near * length - near * (near + 1)

    def __len__(self) -> int:
        """How many pairs an epoch has."""
        return int(self._sizes.sum())

    def epoch(self, size: int, rng: np.random.Generator) -> Iterator[Positives]:
        """Return the pairs of users in a random order, about ``size`` at a time."""
        ptr, item = self.sequences.ptr, self.sequences.item
        if self.fold.events.clock == "none":
            item = item[np.lexsort((rng.random(len(item)), owners(ptr)))]
        users = rng.permutation(np.flatnonzero(self._sizes))
        part = np.cumsum(self._sizes[users]) // size
        for some in np.split(users, np.flatnonzero(np.diff(part)) + 1):
            own = starts(ptr[some + 1] - ptr[some])
            taken = item[ranges(ptr[some], own)]
            source, target = window_pairs(own, taken, self.window)
            yield Positives(source.astype(np.int64), target.astype(np.int64))


def item_graph(
    items: int,
    one: Integer[np.ndarray, " pairs"],
    other: Integer[np.ndarray, " pairs"],
) -> GraphInputs:
    """Return items that are linked both ways if they are a pair in either order."""
    one, other = one.astype(np.int64), other.astype(np.int64)
    key = np.concatenate([one * items + other, other * items + one])
    row, column = np.divmod(np.unique(key), items)
    weight = tensor(np.ones(len(row), np.float32))
    return GraphInputs(0, items, tensor(row), tensor(column), weight)
