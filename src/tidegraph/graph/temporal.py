"""The temporal graph of users and items (Eq 19.3)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tidegraph.data.interactions import Interactions
from tidegraph.data.vocabulary import Vocabulary
from tidegraph.errors import DataError
from tidegraph.graph.neighbors import Neighbors

ACTION = "action"
IMPRESSION = "impression"


@dataclass(frozen=True, eq=False)
class Graph:
    """Who met what, as two time-sorted rows of neighbours per edge type (Eq 19.3).

    The state of a node at time t is a function of its events strictly before t; every
    query takes a clock. ``"~action"`` is the reverse of ``"action"``.

    Attributes:
        users: The user vocabulary, with features.
        items: The item vocabulary, with features.
        edges: Edge type, and its reverse with a leading ``~``, to neighbours.
        latest: Unix seconds of the last event; the smallest integer if there is none.
    """

    users: Vocabulary
    items: Vocabulary
    edges: Mapping[str, Neighbors]
    latest: int

    @classmethod
    def of(cls, log: Interactions) -> "Graph":
        """Build both directions of each edge type of a log.

        Label 1 becomes ``action``; label 0 becomes ``impression``, if there is any.
        """
        edges = _both_ways(ACTION, log.actions())
        if not bool(log.label.all()):
            edges |= _both_ways(IMPRESSION, log.take(log.label == 0))
        latest = int(log.time[-1]) if len(log) else np.iinfo(np.int64).min
        return cls(log.users, log.items, edges, int(latest))

    def __getitem__(self, edge: str) -> Neighbors:
        """Return the neighbours along an edge type or, with ``~``, against it."""
        if edge not in self.edges:
            raise DataError(
                f"the graph has no edge {edge!r}. It has: {', '.join(self.edges)}."
            )
        return self.edges[edge]


def _both_ways(name: str, log: Interactions) -> dict[str, Neighbors]:
    out = Neighbors.build(log.user, log.item, log.time, log.weight, len(log.users))
    back = Neighbors.build(log.item, log.user, log.time, log.weight, len(log.items))
    return {name: out, f"~{name}": back}
