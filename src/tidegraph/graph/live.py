"""The live graph: built from tables, grown by events, read through snapshots."""

import os
from collections.abc import Mapping

import numpy as np
import polars as pl
from jaxtyping import Int64

from tidegraph.arguments import LEFT_OUT, checked
from tidegraph.data.interactions import Interactions
from tidegraph.data.times.ticks import TimeUnit
from tidegraph.errors import ConfigError, DataError, RequestError
from tidegraph.graph import disk
from tidegraph.graph.from_log import Arrivals, rows_by_type, steps_to_append
from tidegraph.graph.from_table import edges_of_table
from tidegraph.graph.nodes import Nodes
from tidegraph.graph.query.edge_loader import EdgeLoader
from tidegraph.graph.query.traversal import Query
from tidegraph.graph.rewriting.erasure import have_edges, rows_to_erase, without_nodes
from tidegraph.graph.rewriting.growing import Growing
from tidegraph.graph.rewriting.removal import (
    edges_of_events,
    edges_to_remove,
    without_edges,
)
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage import ingest
from tidegraph.graph.storage.ends import check_rows, end_rows
from tidegraph.graph.storage.ingest import Ends
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.times import Tick

_Numbers = Int64[np.ndarray, " n"] | None


class Graph:
    """Who did what, when: typed nodes and edges that may be added to at any time.

    Readers work on snapshots, which never change; a writer puts a new one in place. So
    any number of threads may sample while others append, one at a time.

    Args:
        snapshot: What to begin with; an empty graph if left out.
        tick: What times count: whole Unix seconds ("s"), milliseconds ("ms") or
            microseconds ("us"); as the snapshot has it, or seconds, if left out.
            Times that lie between two ticks are refused.
        late_seconds: How much older than the latest edge of its type a new edge may be;
            none for any age.
    """

    @checked(ConfigError)
    def __init__(
        self,
        snapshot: Snapshot | None = None,
        *,
        tick: Tick | None = None,
        late_seconds: int | float | None = 0,
    ) -> None:
        held = snapshot if snapshot is not None else Snapshot({}, {})
        held = held if tick is None else held.counted_in(tick)
        self._held = Growing(held, late_seconds)

    @property
    def _now(self) -> Snapshot:
        return self._held.now

    def __reduce__(self) -> tuple[object, ...]:
        """Copy and hand over the graph as it is now; the copy goes its own way."""
        return _unpickled_graph, (self._now, self._held.late_seconds)

    @classmethod
    def of(cls, log: Interactions) -> "Graph":
        """Build the graph of a log of users and items; see ``Snapshot.of``."""
        return cls(Snapshot.of(log))

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str],
        *,
        verify: bool | None = None,
        late_seconds: int | float | None = 0,
    ) -> "Graph":
        """Open what ``save`` wrote, mapped into memory; see ``disk.load``."""
        return cls(disk.load(folder, verify=verify), late_seconds=late_seconds)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the graph to a folder, all of it or nothing; see ``disk.save``."""
        disk.save(self.snapshot(), folder)

    def snapshot(self) -> Snapshot:
        """Return the graph as it is now; later edges do not change it."""
        return self._now

    def __repr__(self) -> str:
        return f"Graph(\n{self._now.schema}\n)"

    def __getitem__(self, edge: str) -> TemporalCSR:
        """Return the neighbours along an edge type or, with ``~``, against it."""
        return self._now[edge]

    @checked(DataError)
    def nodes(self, name: str, table: object, key: str) -> "Graph":
        """Add nodes of a type, or new features of nodes that are there.

        Args:
            name: Node type, such as ``user``.
            table: One row per node: a polars, pandas or Arrow table, a mapping of
                columns, or a path. Columns other than the key are features.
            key: The column that holds the id.

        Returns:
            The graph itself.

        Raises:
            DataError: The key is missing somewhere or stands twice.
        """
        new = ingest.vocabulary_of_table(ingest.as_frame(table, (key,)), key, name)
        with self._held.alone, self._held.writing:
            held = self._now.nodes.get(name)
            if held is not None:
                new = held.updated(new, key)
            self._held.put({**self._now.nodes, name: Nodes(new, key)}, {})
        return self

    @checked(DataError)
    def edges(
        self,
        name: str,
        table: object,
        ends: str,
        *,
        time: str | None = None,
        weight: str | None = None,
        time_unit: TimeUnit | None = None,
    ) -> "Graph":
        """Define a type of edge and give its first edges, in both directions.

        Args:
            name: Edge type, such as ``click``; ``~click`` is then its reverse.
            table: One row per edge, in any order: as for ``nodes``. Further columns are
                features of the edge. Ids that are no node yet become one.
            ends: Which columns an edge leads from and to, as ``"user_id -> item_id"``.
                A column is of the type whose key has its name; otherwise name the type:
                ``"buyer: user -> seller: user"``.
            time: Column with the time of each edge; none if edges have no time.
            weight: Column with the strength of each edge; each is 1 if left out.
            time_unit: Unit of times that are plain numbers, ``s``, ``ms``, ``us`` or
                ``ns``; found by their size if left out.

        Returns:
            The graph itself.

        Raises:
            DataError: A column is missing or holds what it should not, a time is finer
                than a tick, or the type of a node is not known.
        """
        where = Ends.parse(ends)
        ends_of = (where.source, where.target)
        rows = ingest.as_frame(table, ends_of)
        ingest.check_columns(rows, list(ends_of), f"the table of {name!r}")
        with self._held.alone, self._held.writing:
            nodes, edges = edges_of_table(
                self._now,
                name,
                rows,
                where,
                time=time,
                weight=weight,
                time_unit=time_unit,
            )
            self._held.put(nodes, {name: edges})
        return self

    def append(self, name: str, table: object) -> "Graph":
        """Add edges of a type that is there, all of them or none.

        Takes O(new edges) where edges come in time order. An edge may be older
        than the latest of its type by up to ``late_seconds``; it then takes its place
        among the others, as if the graph had been built from all of them at once.

        Args:
            name: Edge type.
            table: One row per edge, with the columns that the first edges had;
                further ones are left out, which a warning says.

        Returns:
            The graph itself.

        Raises:
            DataError: A column is missing or holds what it should not, or an edge is
                too late, or timed finer than a tick.
        """
        held = self._now.edge(name)
        name, origin = name.removeprefix("~"), held.origin
        ends, types = (origin.source, origin.target), (held.source, held.target)
        rows, when = ingest.as_frame(table, ends, empty=True), None
        if held.time is not None:
            tick = self._now.tick
            when, _ = ingest.edge_times(rows, held.time, name, tick, origin.unit)
        with self._held.writing:
            # An event with a weight may have given all edges one since.
            features = self._now.edge(name).typed(rows, {*ends, held.time or ""})
            nodes, at = end_rows(self._now.nodes, name, rows, ends, types)
            self._held.append(name, nodes, at, when, features)
        return self

    def append_rows(
        self,
        name: str,
        source: object,
        target: object,
        time: object,
        features: Mapping[str, object] | None = None,
    ) -> "Graph":
        """Add edges between nodes named by their rows; see ``append``.

        Args:
            name: Edge type.
            source: Row of the node each edge starts from: whole numbers.
            target: Row of the node it leads to.
            time: Unix seconds, datetimes or text; none if edges have no time.
            features: A column for each feature that the edges have.

        Returns:
            The graph itself.

        Raises:
            DataError: A row is no node or an erased one, a column is missing, or an
                edge is too late, or timed finer than a tick.
        """
        tick, _ = self._now.tick, self._now.edge(name)
        name = name.removeprefix("~")
        ends = (ingest.node_rows(source, name), ingest.node_rows(target, name))
        when = None if time is None else ingest.time_array(time, name, tick)
        table = ingest.features_frame(features, name)
        with self._held.writing:
            held = self._now.edge(name)
            held.check_new(name, *ends, when, table)
            for side, rows in zip((held.source, held.target), ends, strict=True):
                check_rows(side, rows, self._now.nodes[side])
            nodes = dict(self._now.nodes)
            self._held.append(name, nodes, ends, when, held.typed(table, ()))
        return self

    def observe(self, log: Interactions | Arrivals) -> "Graph":
        """Add the events of a log of users and items; see ``append``.

        Args:
            log: Labels say which events are actions and which impressions. Users and
                items that are no nodes yet become some. Of their context the graph
                takes the columns that it has; one that is lacking is null.

        Returns:
            The graph itself.

        Raises:
            DataError: An event is too late, or a column of another type, or the graph
                counts finer than a log.
        """
        with self._held.writing:
            now, events = self._now, self._now.arrived(log)
            nodes, steps = now.with_nodes_of(events), steps_to_append(events, now.edges)
            for name, rows in rows_by_type(events).items():
                self._held.refuse_late(name, events.time[rows], rows)
            self._held.extend(nodes, steps)
        return self

    def erase(self, name: str, ids: object) -> "Graph":
        """Take nodes out: their ids, their features and every edge at them.

        Their rows stay, with nothing in them. An id that comes again is a new node.
        Snapshots taken before, and folders saved before, hold what they held. Takes
        O(edges), so erase many at once; who appends meanwhile does not wait, and what
        is appended to an erased node until it is done goes, too.

        Args:
            name: Node type.
            ids: A sequence, array or column of ids, or one id alone.

        Returns:
            The graph itself.

        Raises:
            RequestError: An id is not in the graph; nothing was erased.
        """
        wanted = ingest.id_column(ids)
        with self._held.alone:
            rows = rows_to_erase(self._now, name, wanted)
            self._held.rewrite(
                lambda graph: without_nodes(graph, name, rows),
                lambda graph: not have_edges(graph, name, rows),
            )
        return self

    @checked(RequestError)
    def remove(
        self,
        name: str,
        table: object = LEFT_OUT,
        *,
        where: pl.Expr | None = None,
        between: tuple[object, object] | None = None,
    ) -> "Graph":
        """Take edges of a type out: those for which all given holds; see ``erase``.

        Args:
            name: Edge type.
            table: One row per edge, with the columns of both ends, and with its time or
                features where these tell it from others: all that agree with a row go.
            where: A condition over the ids of both ends, the time and the features.
            between: Only edges from the first moment on and before the second, as for
                ``E``.

        Returns:
            The graph itself.

        Raises:
            RequestError: Nothing is given, or a row is no edge; nothing was removed.
        """
        with self._held.alone:
            gone = edges_to_remove(self._now, name, table, where, between)
            self._held.rewrite(lambda graph: without_edges(graph, gone))
        return self

    def forget(self, log: Interactions | Arrivals) -> "Graph":
        """Take the events of a log out again, each by its user, item and time.

        Raises:
            RequestError: An event is not in the graph; nothing was removed.
        """
        with self._held.alone:
            gone = edges_of_events(self._now, log)
            self._held.rewrite(lambda graph: without_edges(graph, gone))
        return self

    def V(self, name: str, ids: object = LEFT_OUT) -> Query:
        """Begin a query at nodes as they are now; see ``Snapshot.V``."""
        return self._now.V(name, ids)

    def E(
        self, name: str, *, between: tuple[object, object] | None = None
    ) -> EdgeLoader:
        """Begin at the edges there are now; see ``Snapshot.E``."""
        return self._now.E(name, between=between)


def _unpickled_graph(snapshot: Snapshot, late_seconds: int | float | None) -> Graph:
    return Graph(snapshot, late_seconds=late_seconds)
