"""Pairs of users and items that have an event together."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64

from tidegraph.arguments import settings
from tidegraph.data.interactions import Interactions
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.ragged import owners
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.retrieval.objective.pairs.positives import Positives
from tidegraph.retrieval.objective.pairs.walked_graph import WalkedGraph
from tidegraph.retrieval.scoring.evidence import (
    evidence,
    evident_graph,
    positive_events,
    trained_graph,
)
from tidegraph.stages import Fold
from tidegraph.training.weights import shuffled_batches


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
        further: Types of edges beside actions that vectors are made of, too.
    """

    fold: Fold
    method: str
    both_ways: bool = False
    further: tuple[str, ...] = ()

    def along(self, edges: Iterable[str]) -> "EdgePairs":
        """Return the same in a graph that has these edges, in either direction."""
        names = {edge.removeprefix("~") for edge in edges} - {ACTION}
        return replace(self, further=tuple(sorted(names | set(self.further))))

    @cached_property
    def user(self) -> Int64[np.ndarray, " pairs"]:
        """The user of each pair, increasing."""
        return owners(evidence(self.fold, self.method).ptr)

    @cached_property
    def item(self) -> Int64[np.ndarray, " pairs"]:
        """The item of each pair, increasing within a user."""
        return evidence(self.fold, self.method).item.astype(np.int64)

    @property
    def users(self) -> int:
        """How many users there are.

        Rows are by first appearance: what the future brings adds none.
        """
        return self.graph.users

    @property
    def items(self) -> int:
        """How many items there are."""
        return self.graph.items

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
        """Users and items, linked by the pairs, and what further edges lead to."""
        return self._numbered.inputs

    @property
    def snapshot(self) -> Snapshot:
        """The edges that vectors are made of, as far as they are evidence."""
        return self.fold.view(evident_graph if self.further else trained_graph)

    @property
    def first(self) -> Mapping[str, int]:
        """The number of the first node of each type."""
        return self._numbered.first

    @cached_property
    def _numbered(self) -> WalkedGraph:
        return WalkedGraph.of(self.fold, self.user, self.item, self.further)

    @property
    def frequency(self) -> Float64[np.ndarray, " nodes"]:
        """How many users have each item, and the other way if users are targets."""
        target = self.item + self.users
        if self.both_ways:
            target = np.concatenate([target, self.user])
        count = np.bincount(target, minlength=self.graph.nodes)
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
