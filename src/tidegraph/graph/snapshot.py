"""The typed, temporal graph at one moment: a value that never changes (Eq 19.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from tidegraph.arguments import LEFT_OUT, checked
from tidegraph.artifact.sealed import State
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions
from tidegraph.errors import ArtifactError, ConfigError, DataError, RequestError
from tidegraph.graph.from_log import (
    ITEM,
    USER,
    Arrivals,
    edges_of_log,
    steps_to_append,
)
from tidegraph.graph.nodes import Nodes
from tidegraph.graph.recounted import recounted
from tidegraph.graph.storage.edge_state import edges_of, edges_state
from tidegraph.graph.storage.edge_store import EdgeStore
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.times import TICKS, Tick, check_tick
from tidegraph.lazy import Homes

if TYPE_CHECKING:
    from tidegraph.graph.query.edge_loader import EdgeLoader
    from tidegraph.graph.query.traversal import Query

# Queries hold a snapshot, so they are looked up by it when one is begun.
_QUERIES = Homes(
    {
        "EdgeLoader": "tidegraph.graph.query.edge_loader",
        "Query": "tidegraph.graph.query.traversal",
    }
)


class NoEdgeError(DataError):
    """A graph has no edge of a name."""


def reverse(edge: str) -> str:
    """Return the name of an edge the other way."""
    return edge[1:] if edge.startswith("~") else f"~{edge}"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Typed nodes and timed edges, in both directions (Eq 19.3).

    The state of a node at time t is a function of its edges strictly before t; every
    query takes a clock. ``"~action"`` is the reverse of ``"action"``.

    Attributes:
        nodes: Node type to its nodes.
        edges: Edge type to its edges.
        tick: What times inside count: Unix seconds, or thousandths (``ms``) or
            millionths (``us``) of one. Arrays of plans and samplers hold ticks; who
            asks with Unix seconds, datetimes or text is understood in any graph.
    """

    nodes: Mapping[str, Nodes]
    edges: Mapping[str, EdgeStore]
    tick: Tick = "s"

    @classmethod
    @checked(DataError)
    def of(cls, log: Interactions, further: "Snapshot | None" = None) -> "Snapshot":
        """Build the graph of a log of users and items.

        Label 1 becomes ``action``; label 0 becomes ``impression``, if there is any. The
        weight, where it is not 1, and the context become features of the edges.

        Args:
            log: The events.
            further: Nodes and edges of other types, whose users and items, if it has
                any, begin with those of the log. Like the log's, their times become
                whole seconds.
        """
        nodes = {USER: Nodes(log.users, USER), ITEM: Nodes(log.items, ITEM)}
        if further is None:
            return cls(nodes, edges_of_log(log))
        edges = {**further.counted_in("s").edges, **edges_of_log(log)}
        return cls({**nodes, **further.nodes}, edges)

    @property
    def users(self) -> Vocabulary:
        """Ids and features of the nodes of type ``user``."""
        return self.typed(USER).vocabulary

    @property
    def items(self) -> Vocabulary:
        """Ids and features of the nodes of type ``item``."""
        return self.typed(ITEM).vocabulary

    @property
    def latest(self) -> int:
        """Tick of the last event; the smallest integer if there is none."""
        return max(
            (edges.latest for edges in self.edges.values()),
            default=int(np.iinfo(np.int64).min),
        )

    @property
    def schema(self) -> str:
        """What the graph holds, one line per type."""
        lines = [
            f"{name} ({nodes.key}): {len(nodes):,} nodes"
            + _with_features(nodes.vocabulary.features.columns)
            for name, nodes in self.nodes.items()
        ]
        unit = "" if self.tick == "s" else f" in {TICKS[self.tick]}"
        lines += [
            f"{name}: {edges.source} -> {edges.target}, {len(edges):,} edges, "
            + (f"timed by {edges.time}{unit}" if edges.time else "without time")
            + _with_features(edges.features.columns)
            for name, edges in self.edges.items()
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Snapshot(\n{self.schema}\n)"

    def typed(self, name: str) -> Nodes:
        """Return the nodes of a type.

        Raises:
            DataError: The graph has no such type.
        """
        if not isinstance(cast(object, name), str) or name not in self.nodes:
            raise DataError(
                f"the graph has no nodes {name!r}. "
                f"It has: {', '.join(self.nodes) or 'none'}."
            )
        return self.nodes[name]

    def edge(self, name: str) -> EdgeStore:
        """Return the edges of a type, whichever direction is named.

        Raises:
            NoEdgeError: The graph has no such edge.
        """
        plain = name.removeprefix("~") if isinstance(cast(object, name), str) else ""
        held = self.edges.get(plain)
        if held is None:
            known = ", ".join(f"{e}, ~{e}" for e in self.edges)
            raise NoEdgeError(
                f"the graph has no edge {name!r}. It has: {known or 'none'}."
            )
        return held

    def ends(self, name: str) -> tuple[str, str]:
        """Return the node types that an edge, or with ``~`` its reverse, joins."""
        edges = self.edge(name)
        if name.startswith("~"):
            return edges.target, edges.source
        return edges.source, edges.target

    def leading_from(self, name: str) -> list[str]:
        """Return the edges, in either direction, that start from a type of node."""
        both = [way for edge in self.edges for way in (edge, f"~{edge}")]
        return [way for way in both if self.ends(way)[0] == name]

    def along(self, name: str, by: str | None = None) -> TemporalCSR:
        """Return the neighbours along an edge type or, with ``~``, against it.

        Args:
            name: Edge type.
            by: Feature of the edge that is the weight; the usual one if left out.
        """
        return self.edge(name).along(back=name.startswith("~"), by=by)

    def __getitem__(self, edge: str) -> TemporalCSR:
        """Return the neighbours along an edge type or, with ``~``, against it."""
        return self.along(edge)

    @checked(RequestError)
    def V(self, name: str, ids: object = LEFT_OUT) -> "Query":
        """Begin a query at some nodes of a type, or at all of them.

        Args:
            name: Node type.
            ids: A sequence, array or column of ids, or one id alone; all nodes if
                left out.

        Raises:
            RequestError: An id is not in the graph, or is None.
        """
        return _QUERIES["Query"].start(self, name, ids)

    @checked(RequestError)
    def E(
        self, name: str, *, between: tuple[object, object] | None = None
    ) -> "EdgeLoader":
        """Begin at the edges of a type, oldest first, to batch them for training.

        Args:
            name: Edge type.
            between: Only edges from the first moment on and before the second: Unix
                seconds, datetimes or ISO text; none for an open end.
        """
        return _QUERIES["EdgeLoader"].start(self, name, between)

    def snapshot(self) -> "Snapshot":
        """Return the value itself; a live graph returns what it holds now."""
        return self

    def before(self, clock: int) -> "Snapshot":
        """Return a view of what happened strictly before ``clock``, a tick."""
        edges = {name: edges.before(clock) for name, edges in self.edges.items()}
        return replace(self, edges=edges)

    @checked(ConfigError)
    def counted_in(self, tick: Tick) -> "Snapshot":
        """Return the graph with times in other ticks; itself if it counts in them.

        In longer ones, times within one are alike, and their edges keep their order.

        Raises:
            ConfigError: There is no such tick.
        """
        check_tick(tick)
        if tick == self.tick:
            return self
        edges = {n: recounted(held, self.tick, tick) for n, held in self.edges.items()}
        return replace(self, edges=edges, tick=tick)

    def observed(self, events: Interactions) -> "Snapshot":
        """Return the graph with ``events`` added; the present one does not change.

        Args:
            events: New events, whose vocabularies start with the graph's own rows.
                Of their context the graph takes the columns that it has; one that an
                event lacks is null there.
        """
        nodes, steps = self.with_nodes_of(events), steps_to_append(events, self.edges)
        edges = {name: step(self.edges.get(name)) for name, step in steps.items()}
        return replace(self, nodes=nodes, edges={**self.edges, **edges})

    @checked(DataError)
    def numbered(self, log: Interactions) -> Interactions:
        """Return ``log`` with its users and items numbered as here, new ones last."""
        return log.numbered(self.users, self.items)

    def arrived(self, events: Interactions | Arrivals) -> Interactions:
        """Return new events with their users and items numbered as here, new ones last.

        Raises:
            DataError: They make no log.
        """
        if isinstance(events, Arrivals):
            return events.numbered(self.users, self.items)
        return self.numbered(events)

    def in_order(self) -> "Snapshot":
        """Return the same graph, in which a few ids are found at once from the first.

        Otherwise they are sorted when that has come to be worth it, amid a request.
        """
        nodes = {
            name: replace(held, vocabulary=held.vocabulary.in_order())
            for name, held in self.nodes.items()
        }
        return replace(self, nodes=nodes)

    def with_nodes_of(self, events: Interactions) -> dict[str, Nodes]:
        """Return the nodes, with the users and items of ``events`` among them.

        Raises:
            DataError: The events do not number them as the graph does, or the graph
                counts finer than they do.
        """
        if self.tick != "s":
            raise DataError(
                f"a log counts whole seconds, and this graph {TICKS[self.tick]}, so an "
                "event could be seen before it happened. Use append() with their times."
            )
        nodes = dict(self.nodes)
        for name, side in ((USER, events.users), (ITEM, events.items)):
            held = self.typed(name)
            if side is held.vocabulary:
                continue
            if len(side) < len(held):
                raise DataError(
                    f"the {name} vocabulary of the new events is shorter than the "
                    "graph's. Extend the graph's vocabulary instead."
                )
            nodes[name] = Nodes(side, held.key)
        return nodes

    def compacted(self) -> "Snapshot":
        """Return the same graph without room to grow."""
        edges = {name: edges.compacted() for name, edges in self.edges.items()}
        return replace(self, edges=edges)

    def state(self) -> State:
        """Return what a file needs to hold."""
        nodes = {
            f"nodes {n}": nodes.vocabulary.state() for n, nodes in self.nodes.items()
        }
        edges = {f"edges {n}": edges_state(e) for n, e in self.edges.items()}
        keys = {name: nodes.key for name, nodes in self.nodes.items()}
        return State(
            kind="Snapshot",
            settings={"nodes": keys, "edges": list(self.edges), "tick": self.tick},
            parts=nodes | edges,
        )

    @classmethod
    def from_state(cls, state: State) -> "Snapshot":
        """Rebuild from what ``state`` returned."""
        tick, keys = _tick_of(state), cast(dict[str, str], state.settings["nodes"])
        nodes = {
            name: Nodes(state.part(f"nodes {name}", Vocabulary), key)
            for name, key in keys.items()
        }
        sizes = {name: len(held) for name, held in nodes.items()}
        edges = {
            name: edges_of(state.parts[f"edges {name}"], sizes)
            for name in cast(list[str], state.settings["edges"])
        }
        return cls(nodes, edges, tick)


def _tick_of(state: State) -> Tick:
    # Graphs that were saved before there was a choice count seconds.
    tick = state.settings.get("tick", "s")
    if tick not in TICKS:
        raise ArtifactError(f"the graph counts in {tick!r}, which is no tick we know.")
    return tick


def _with_features(names: list[str]) -> str:
    return f", with {', '.join(names)}" if names else ""


def __getattr__(name: str) -> object:
    """Return what a query begins as, by its name in an annotation."""
    if name not in _QUERIES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _QUERIES[name]
