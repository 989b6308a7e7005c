"""Pairs of items that weighted walks over what followed what come by."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from tidegraph.arguments import settings
from tidegraph.data.times.clocks import refuse_without_order
from tidegraph.errors import DataError
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.projection import CoOccurrence
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.walks.windows import WeightedWalks
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.ranges import above, at_least
from tidegraph.retrieval.objective.pairs.positives import Positives
from tidegraph.retrieval.objective.pairs.sequences import item_graph
from tidegraph.retrieval.scoring.evidence import evident_log, positive_events
from tidegraph.stages import Fold

_ENDLESS = 10**12
"""Seconds that no log lasts, in whole numbers of every tick."""


@settings
class SessionWalks:
    """Windows of walks over items, from one to what directly followed it in a session.

    An edge is as likely as it was often taken. Items alone have vectors.

    Attributes:
        times: Walks from each item.
        length: Steps of a walk.
        window: How many steps apart the two of a pair are at the most.
        session_seconds: A longer pause ends a session; all of a user's events are one
            if left out.

    Source:
        Wang et al., "Billion-scale Commodity Embedding for E-commerce Recommendation in
        Alibaba", KDD 2018, sections 2.2 and 2.3.
    """

    times: int = 10
    length: int = 10
    window: int = 5
    session_seconds: int | float | None = 3600

    def __post_init__(self) -> None:
        at_least("SessionWalks", 1, times=self.times, length=self.length)
        at_least("SessionWalks", 1, window=self.window)
        above("SessionWalks", 0, session_seconds=self.session_seconds)

    def of(self, fold: Fold, method: str) -> "SessionPairs":
        """Return the pairs of a fold.

        Raises:
            DataError: It has no times, or nothing follows anything in a session.
        """
        log = evident_log(fold, method)
        refuse_without_order(log.clock, method)
        pairs = SessionPairs(fold, self)
        if not len(pairs.graph.row):
            pause, mend = self.session_seconds, "Give it more interactions."
            if pause is not None:
                mend = (
                    f"Raise session_seconds={pause:g}, or set it to none, "
                    "and all that a user took is one session."
                )
            raise DataError(
                f"{method} learns from what followed what in a session, and nothing "
                f"did. {mend}"
            )
        return pairs


@dataclass(frozen=True, eq=False)
class SessionPairs:
    """The pairs of ``SessionWalks``.

    Attributes:
        fold: What they were taken from.
        settings: How to walk.
    """

    fold: Fold
    settings: SessionWalks

    @cached_property
    def edges(self) -> TemporalCSR:
        """From each item to those that directly followed it, by how often."""
        graph = Snapshot.of(self.fold.view(positive_events))
        pause = self.settings.session_seconds
        if pause is not None:
            pause = min(pause, _ENDLESS)
        followed = CoOccurrence(ACTION, 1, pause, directed=True).induced(graph)
        ends = followed.source, followed.target
        return TemporalCSR.build(*ends, None, self._items, followed.weight)

    @cached_property
    def _items(self) -> int:
        return int(self.fold.view(positive_events).item.max()) + 1

    @property
    def graph(self) -> GraphInputs:
        """Items, linked with what directly followed or came before them."""
        return self._graph

    @cached_property
    def _graph(self) -> GraphInputs:
        slot = self.edges.slots()
        return item_graph(self._items, self.edges.owners(), self.edges.node[slot])

    @property
    def frequency(self) -> Float64[np.ndarray, " items"]:
        """How many neighbours each item has."""
        row = self.graph.row.numpy()
        return np.bincount(row, minlength=self._items).astype(np.float64)

    def epoch(self, size: int, rng: np.random.Generator) -> Iterator[Positives]:
        """Return the pairs of new walks, about ``size`` of them at a time."""
        of = self.settings
        starts = np.flatnonzero(self.frequency).astype(np.int32)
        walks = WeightedWalks(self.edges, starts, of.times, of.length, of.window)
        for _, (source, target) in walks.window_pairs(size, rng):
            yield Positives(source.astype(np.int64), target.astype(np.int64))
