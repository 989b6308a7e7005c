"""The temporal graph of users and items (Eq 19.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from tidegraph.artifact import State
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

    def observed(self, events: Interactions) -> "Graph":
        """Return the graph with ``events`` added; the present one does not change.

        Args:
            events: New events, whose vocabularies start with the graph's own rows.
        """
        new = Graph.of(events)
        edges: dict[str, Neighbors] = dict(self.edges)
        for name, side in (("user", events.users), ("item", events.items)):
            if len(side) < len(self.users if name == "user" else self.items):
                raise DataError(
                    f"the {name} vocabulary of the new events is shorter than the "
                    "graph's. Extend the graph's vocabulary instead."
                )
        shown = events.take(events.label == 0)
        for name, log in ((ACTION, events.actions()), (IMPRESSION, shown)):
            if name in edges or name in new.edges:
                edges |= self._extended(name, log)
        return Graph(events.users, events.items, edges, max(self.latest, new.latest))

    def _extended(self, name: str, log: Interactions) -> dict[str, Neighbors]:
        if name not in self.edges:
            return _both_ways(name, log)
        users, items = len(log.users), len(log.items)
        out, back = self.edges[name], self.edges[f"~{name}"]
        return {
            name: out.with_events(log.user, log.item, log.time, log.weight, users),
            f"~{name}": back.with_events(
                log.item, log.user, log.time, log.weight, items
            ),
        }

    def state(self) -> State:
        """Return what a file needs to hold."""
        arrays: dict[str, np.ndarray] = {}
        for name, side in self.edges.items():
            arrays |= {
                f"{name}.ptr": side.ptr,
                f"{name}.node": side.node,
                f"{name}.time": side.time,
                f"{name}.weight": side.weight,
            }
        return State(
            kind="Graph",
            settings={"latest": self.latest, "edges": list(self.edges)},
            arrays=arrays,
            parts={"users": self.users.state(), "items": self.items.state()},
        )

    @classmethod
    def from_state(cls, state: State) -> "Graph":
        """Rebuild from what ``state`` returned."""
        edges = {
            name: Neighbors(
                state.arrays[f"{name}.ptr"],
                state.arrays[f"{name}.node"],
                state.arrays[f"{name}.time"],
                state.arrays[f"{name}.weight"],
            )
            for name in cast(list[str], state.settings["edges"])
        }
        return cls(
            state.part("users", Vocabulary),
            state.part("items", Vocabulary),
            edges,
            cast(int, state.settings["latest"]),
        )

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
