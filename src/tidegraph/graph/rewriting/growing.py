"""What a live graph holds: longer with each append, or written anew beside them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Int64

from tidegraph.graph.nodes import Nodes
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.compaction import Tidying, with_room
from tidegraph.graph.storage.edge_store import EdgeStore, Step
from tidegraph.ranges import at_least

_FEW = 16
"""So many appends that came in meanwhile are repeated while writers wait."""
_ROUNDS = 8


class _Append(NamedTuple):
    """The nodes there are after an append, and what it did to each type of edge."""

    nodes: Mapping[str, Nodes]
    steps: Mapping[str, Step]


class Growing:
    """What a live graph holds now, and how it becomes another.

    Appends take their turn at ``writing``, and readers wait for nobody. Who writes a
    graph anew, such as without some edges, does so on a snapshot, repeats what was
    appended meanwhile, and puts it in place; ``alone`` is held by one of them at a time
    and by whoever changes nodes that are there, so that rows mean the same after it.

    Args:
        now: What to begin with.
        late_seconds: How much older than the latest edge of its type a new edge may be;
            none for any age.

    Attributes:
        now: The graph.
        late_seconds: As it was given.
        writing: Held by who appends, for the length of an append.
        alone: Held by who changes what is there; taken before ``writing``.
    """

    def __init__(self, now: Snapshot, late_seconds: int | float | None) -> None:
        endless = late_seconds == math.inf
        at_least("Graph", 0, late_seconds=None if endless else late_seconds)
        self.now, self.late_seconds = now, late_seconds
        self.writing, self.alone = Lock(), Lock()
        self._tidying = Tidying(self.writing, self._replace_edges)
        self._missed: list[_Append] | None = None

    def append(
        self,
        name: str,
        nodes: Mapping[str, Nodes],
        at: tuple[np.ndarray, np.ndarray],
        when: Int64[np.ndarray, " n"] | None,
        features: pl.DataFrame,
    ) -> None:
        """Put the graph with new edges of a type in place, with ``writing`` held.

        Args:
            name: Edge type, which is there.
            nodes: The nodes there are then.
            at: Rows of both ends.
            when: Tick of each; none if they have no time.
            features: One row per edge.

        Raises:
            DataError: An edge is too late.
        """
        self.refuse_late(name, when)
        held = self.now.edges[name]
        sizes = (len(nodes[held.source]), len(nodes[held.target]))

        def step(edges: EdgeStore | None) -> EdgeStore:
            return (held if edges is None else edges).appended(
                at, sizes, when, features
            )

        self.extend(nodes, {name: step})

    def refuse_late(
        self,
        name: str,
        when: Int64[np.ndarray, " n"] | None,
        rows: Int64[np.ndarray, " n"] | None = None,
    ) -> None:
        """Raise DataError if an edge is too late; messages call edges by ``rows``."""
        held, late = self.now.edges.get(name), self.late_seconds
        if late is not None and held is not None and when is not None:
            held.check_late(name, when, late, self.now.tick, rows)

    def extend(self, nodes: Mapping[str, Nodes], steps: Mapping[str, Step]) -> None:
        """Put the graph with new edges in place, of all types or of none.

        Called with ``writing`` held.
        """
        held = self.now.edges
        grown = {name: step(held.get(name)) for name, step in steps.items()}
        self.put(nodes, grown)
        for name, step in steps.items():
            self._tidying.grown(name, grown[name], step)
        if self._missed is not None:
            self._missed.append(_Append(nodes, steps))

    def put(self, nodes: Mapping[str, Nodes], edges: Mapping[str, EdgeStore]) -> None:
        """Put nodes and some types of edges in place, with ``writing`` held."""
        whole = {**self.now.edges, **edges}
        self.now = Snapshot(nodes, whole, self.now.tick)

    def rewrite(
        self,
        change: Callable[[Snapshot], Snapshot],
        is_done: Callable[[Snapshot], bool] = lambda graph: True,
    ) -> None:
        """Put what a change makes of the graph in place, beside those who append.

        Called with ``alone`` held. Writers wait for a few appends to be repeated.

        Args:
            change: Keeps the rows of all nodes and the types of all edges.
            is_done: Returns at once whether what was appended meanwhile needs the
                change too.
        """
        with self.writing:
            held, missed = self.now, list[_Append]()
            self._missed = missed
        try:
            graph, added = self._changed(held, held, change), 0
            for _ in range(_ROUNDS):
                with self.writing:
                    left = missed[added:]
                graph, added = _appended(graph, left), added + len(left)
                if not is_done(graph):
                    graph = self._changed(graph, held, change)
                elif len(left) <= _FEW:
                    break
            with self.writing:
                graph = _appended(graph, missed[added:])
                # One more can have come at the last moment, or keep coming.
                self.now = graph if is_done(graph) else change(graph)
                self._tidying.dropped()
        finally:
            with self.writing:
                self._missed = None

    def _changed(
        self, graph: Snapshot, held: Snapshot, change: Callable[[Snapshot], Snapshot]
    ) -> Snapshot:
        """Return what a change makes of a graph, as ready for appends as one held."""
        changed = change(graph)
        edges = dict(changed.edges)
        for name, like in held.edges.items():
            if edges[name] is not graph.edges[name] and like.out.arena is not None:
                edges[name] = with_room(edges[name], like)
        return replace(changed, edges=edges)

    def _replace_edges(self, name: str, edges: EdgeStore) -> None:
        self.put(self.now.nodes, {name: edges})


def _appended(graph: Snapshot, missed: Sequence[_Append]) -> Snapshot:
    """Return a graph with what was appended to another that has the same rows."""
    if not missed:
        return graph
    nodes = {
        name: _with_new(graph.nodes[name], held)
        for name, held in missed[-1].nodes.items()
    }
    edges = dict(graph.edges)
    for append in missed:
        for name, step in append.steps.items():
            edges[name] = step(edges.get(name))
    return replace(graph, nodes=nodes, edges=edges)


def _with_new(nodes: Nodes, then: Nodes) -> Nodes:
    """Return nodes with those that others have behind them."""
    if len(nodes) == len(then):
        return nodes
    new = then.vocabulary.ids[len(nodes) :]
    return replace(nodes, vocabulary=nodes.vocabulary.extended(new))
