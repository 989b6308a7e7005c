"""Pairs of users and items that have an event together."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64

from tidegraph.arguments import settings
from tidegraph.data.interactions import Interactions
from tidegraph.kernels.ragged import owners
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.retrieval.objective.pairs.positives import Positives
from tidegraph.retrieval.scoring.evidence import evidence, positive_events
from tidegraph.stages import Fold
from tidegraph.training.weights import shuffled_batches, tensor


@settings
class Edges:
    """Users and the items they have an event with, each pair once.

    Attributes:
        both_ways: Are users to be found by their items, too?
    """

    both_ways: bool = False

    def of(self, fold: Fold, method: str) -> "EdgePairs":
        """Return the pairs of a fold."""
        evidence(fold, method)
        return EdgePairs(fold, method, self.both_ways)


@dataclass(frozen=True, eq=False)
class EdgePairs:
    """The pairs of ``Edges``.

    Attributes:
        fold: What they were taken from.
        method: Who learns from them, for messages.
        both_ways: Does each pair come from either end?
    """

    fold: Fold
    method: str
    both_ways: bool = False

    @cached_property
    def user(self) -> Int64[np.ndarray, " pairs"]:
        """The user of each pair, increasing."""
        return owners(evidence(self.fold, self.method).ptr)

    @cached_property
    def item(self) -> Int64[np.ndarray, " pairs"]:
        """The item of each pair, increasing within a user."""
        return evidence(self.fold, self.method).item.astype(np.int64)

    @cached_property
    def users(self) -> int:
        """How many users there are.

        Rows are by first appearance: what the future brings adds none.
        """
        return int(self.user.max()) + 1

    @cached_property
    def items(self) -> int:
        """How many items there are."""
        return int(self.item.max()) + 1

    @cached_property
    def time(self) -> Int64[np.ndarray, " pairs"] | None:
        """When each pair was last seen, not undone; none where there are no times."""
        log = self.fold.log
        if not isinstance(log, Interactions) or log.clock == "none":
            return None
        log = self.fold.view(positive_events)
        key = log.user.astype(np.int64) * self.items + log.item
        # The log is in time order, so that the last of a key is its newest; the pairs
        # are the same in the same order.
        _, last = np.unique(key[::-1], return_index=True)
        return log.time[::-1][last]

    @property
    def graph(self) -> GraphInputs:
        """Users and items, linked by the pairs."""
        return self._graph

    @cached_property
    def _graph(self) -> GraphInputs:
        return GraphInputs.bipartite(
            self.users, self.items, tensor(self.user), tensor(self.item)
        )

    @property
    def frequency(self) -> Float64[np.ndarray, " nodes"]:
        """How many users have each item, and the other way if users are targets."""
        target = self.item + self.users
        if self.both_ways:
            target = np.concatenate([target, self.user])
        count = np.bincount(target, minlength=self.users + self.items)
        return count.astype(np.float64)

    def __len__(self) -> int:
        """How many pairs an epoch has."""
        return len(self.user) * (1 + self.both_ways)

    def epoch(self, size: int, rng: np.random.Generator) -> Iterator[Positives]:
        """Return every pair once, in batches of a random order."""
        for rows in shuffled_batches(len(self), size, rng):
            turned, rows = rows >= len(self.user), rows % len(self.user)
            user, item = self.user[rows], self.item[rows] + self.users
            time = None if self.time is None else self.time[rows]
            source, target = np.where(turned, (item, user), (user, item))
            yield Positives(source, target, time)
