"""Pairs of items that a user took one soon after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int32, Int64, Integer

from tidegraph.arguments import settings
from tidegraph.data.views.sequences import Sequences
from tidegraph.errors import DataError
from tidegraph.kernels.ragged import owners, ranges, starts, starts_where
from tidegraph.kernels.windows import window_pairs
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.ranges import above, at_least
from tidegraph.retrieval.objective.pairs.positives import Positives
from tidegraph.retrieval.scoring.evidence import evident_log, positive_events
from tidegraph.stages import Fold
from tidegraph.training.weights import tensor


@settings
class SequenceWindows:
    """Each item of a user's sequence with those near to it, in both directions.

    Items alone have vectors. Where there are no times, sequences are ``shuffled``.

    Attributes:
        window: How many places apart the two of a pair are at the most.
        subsample: An event of an item of the share f of all is left out with the chance
            1 - sqrt(subsample / f), drawn anew every epoch; none is if left out.
        shuffled: Is the order of a sequence drawn anew every epoch, so that what a user
            took is a set?

    Source:
        Barkan & Koenigstein, "Item2Vec: Neural Item Embedding for Collaborative
        Filtering", MLSP 2016, section 3.
    """

    window: int = 5
    subsample: float | None = None
    shuffled: bool = False

    def __post_init__(self) -> None:
        at_least("SequenceWindows", 1, window=self.window)
        above("SequenceWindows", 0, subsample=self.subsample)

    def of(self, fold: Fold, method: str) -> "SequencePairs":
        """Return the pairs of a fold.

        Raises:
            DataError: It has none.
        """
        evident_log(fold, method)
        pairs = SequencePairs(fold, self)
        if np.diff(pairs.sequences.ptr).max() < 2:
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
        settings: How they were taken.
    """

    fold: Fold
    settings: SequenceWindows

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

    def __len__(self) -> int:
        """How many pairs an epoch has, about so many where some events are left out."""
        ptr, kept = self.sequences.ptr, self._chance[self.sequences.item]
        length = np.diff(np.concatenate([[0.0], np.cumsum(kept)])[ptr])
        return int(np.ceil(self._pairs_of(length).sum()))

    @cached_property
    def _chance(self) -> Float64[np.ndarray, " items"]:
        """How likely an event of each item is taken."""
        if self.settings.subsample is None:
            return np.ones(self.graph.items)
        share = self.frequency / len(self.sequences.item)
        return np.minimum(
            1, np.sqrt(self.settings.subsample / np.maximum(share, 1e-12))
        )

    def _pairs_of(self, length: np.ndarray) -> np.ndarray:
        """Return how many pairs sequences of so many events have."""
        near = np.clip(length - 1, 0, self.settings.window)
        return 2 * near * length - near * (near + 1)

    def _events(
        self, rng: np.random.Generator
    ) -> tuple[Int64[np.ndarray, " starts"], Int32[np.ndarray, " events"]]:
        """Return where the sequences of an epoch start, and their items."""
        ptr, item = self.sequences.ptr, self.sequences.item
        if self.settings.shuffled or self.fold.events.clock == "none":
            item = item[np.lexsort((rng.random(len(item)), owners(ptr)))]
        if self.settings.subsample is not None:
            kept = rng.random(len(item)) < self._chance[item]
            ptr, item = starts_where(ptr, kept), item[kept]
        return ptr, item

    def epoch(self, size: int, rng: np.random.Generator) -> Iterator[Positives]:
        """Return the pairs of users in a random order, about ``size`` at a time."""
        ptr, item = self._events(rng)
        count = self._pairs_of(np.diff(ptr))
        users = rng.permutation(np.flatnonzero(count))
        part = np.cumsum(count[users]) // size
        for some in np.split(users, np.flatnonzero(np.diff(part)) + 1):
            own = starts(ptr[some + 1] - ptr[some])
            taken = item[ranges(ptr[some], own)]
            source, target = window_pairs(own, taken, self.settings.window)
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
