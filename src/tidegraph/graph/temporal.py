"""The live graph: built from tables, grown by events, read through snapshots."""

import os
from collections.abc import Mapping
from threading import Lock, Thread

import numpy as np
import polars as pl
from jaxtyping import Int64

from tidegraph.data.interactions import Interactions
from tidegraph.data.times import TimeUnit
from tidegraph.errors import DataError
from tidegraph.graph import columns, store
from tidegraph.graph.batches import EdgeQuery
from tidegraph.graph.columns import Ends
from tidegraph.graph.edges import Edges, Origin
from tidegraph.graph.neighbors import Neighbors
from tidegraph.graph.query import Query
from tidegraph.graph.snapshot import Nodes, Snapshot

_Batch = tuple[
    tuple[np.ndarray, np.ndarray], tuple[int, int], np.ndarray | None, pl.DataFrame
]
_MOVED = 3
"""A row moves as it grows; clean up when this share of the slots is left behind."""
_SPARE = 0.5
"""Room to grow that each row then gets, so that it does not move again at once."""


class Graph:
    """Who did what, when: typed nodes and edges that may be added to at any time.

    Readers work on snapshots, which never change; a writer puts a new one in place. So
    any number of threads may sample while one appends.

    Args:
        snapshot: What to begin with; an empty graph if left out.
        late_seconds: How much older than the latest edge of its type a new edge may be.
    """

    def __init__(
        self, snapshot: Snapshot | None = None, *, late_seconds: int = 0
    ) -> None:
        self._now = snapshot if snapshot is not None else Snapshot({}, {})
        self._late = late_seconds
        self._writing = Lock()
        self._missed: dict[str, list[_Batch]] = {}

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
        late_seconds: int = 0,
    ) -> "Graph":
        """Open what ``save`` wrote, mapped into memory; see ``store.load``."""
        return cls(store.load(folder, verify=verify), late_seconds=late_seconds)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the graph to a folder, all of it or nothing; see ``store.save``."""
        store.save(self.snapshot(), folder)

    def snapshot(self) -> Snapshot:
        """Return the graph as it is now; later edges do not change it."""
        return self._now

    def __repr__(self) -> str:
        return f"Graph(\n{self._now.schema}\n)"

    def __getitem__(self, edge: str) -> Neighbors:
        """Return the neighbours along an edge type or, with ``~``, against it."""
        return self._now[edge]

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
        new = columns.vocabulary(columns.frame(table), key, name)
        with self._writing:
            held = self._now.nodes.get(name)
            if held is not None:
                new = held.updated(new, key)
            nodes = {**self._now.nodes, name: Nodes(new, key)}
            self._now = Snapshot(nodes, self._now.edges)
        return self

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
            DataError: A column is missing or holds what it should not, or the type of a
                node is not known.
        """
        if name in self._now.edges or not name.isidentifier():
            raise DataError(
                f"the graph has edges {name!r} already. Use append() to add to them."
                if name in self._now.edges
                else f"{name!r} is no name for an edge. Use letters, digits and '_'."
            )
        where, rows = Ends.parse(ends), columns.frame(table)
        columns.check(rows, [where.source, where.target], f"the table of {name!r}")
        types = (
            self._type_of(where.source, where.source_type),
            self._type_of(where.target, where.target_type),
        )
        used = [where.source, where.target, *([time] if time is not None else [])]
        with self._writing:
            ends_of = (where.source, where.target)
            when, unit = None, None
            if time is not None:
                rows, when, unit = columns.dated(rows, time, name, time_unit)
            nodes, at = self._encoded(name, rows, ends_of, types)
            edges = Edges.build(
                types,
                at,
                (len(nodes[types[0]]), len(nodes[types[1]])),
                when,
                time=time,
                weight=weight,
                features=rows.drop(used),
                origin=Origin(*ends_of, unit),
            )
            self._now = Snapshot(nodes, {**self._now.edges, name: edges})
        return self

    def append(self, name: str, table: object) -> "Graph":
        """Add edges of a type that is there, all of them or none.

        Takes O(new edges) where edges come in time order. An edge may be older
        than the latest of its type by up to ``late_seconds``; it then takes its place
        among the others, as if the graph had been built from all of them at once.

        Args:
            name: Edge type.
            table: One row per edge, with the columns that the first edges had.

        Returns:
            The graph itself.

        Raises:
            DataError: A column is missing or holds what it should not, or an edge is
                too late.
        """
        held = self._now.edge(name)
        name, origin = name.removeprefix("~"), held.origin
        rows, when = columns.frame(table), None
        if held.time is not None:
            rows, when, _ = columns.dated(rows, held.time, name, origin.unit)
        features = held.typed(rows)
        with self._writing:
            types, ends = (held.source, held.target), (origin.source, origin.target)
            nodes, at = self._encoded(name, rows, ends, types)
            self._append(name, nodes, at, when, features)
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
            time: Whole Unix seconds of each; none if edges have no time.
            features: A column for each feature that the edges have.

        Returns:
            The graph itself.

        Raises:
            DataError: A row is no node, a column is missing, or an edge is too late.
        """
        held, name = self._now.edge(name), name.removeprefix("~")
        ends = (columns.rows(source, name), columns.rows(target, name))
        when = None if time is None else np.asarray(time)
        table = pl.DataFrame(dict(features or {}))
        held.check_new(name, *ends, when, table)
        if set(table.columns) != set(held.features.columns):
            raise DataError(
                f"edges {name!r} have the features "
                f"{', '.join(held.features.columns) or 'none'}, and "
                f"{', '.join(table.columns) or 'none'} were given."
            )
        with self._writing:
            for side, rows in zip((held.source, held.target), ends, strict=True):
                size = len(self._now.nodes[side])
                if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < size:
                    raise DataError(
                        f"rows {int(rows.min())} to {int(rows.max())} are not all "
                        f"{side!r} nodes: there are {size}. Add nodes first."
                    )
            nodes = dict(self._now.nodes)
            self._append(name, nodes, ends, when, held.typed(table))
        return self

    def V(self, name: str, ids: object = None) -> Query:
        """Begin a query at some nodes of a type, or at all of them.

        Args:
            name: Node type.
            ids: A sequence, array or column of ids, or one id alone.

        Raises:
            RequestError: An id is not in the graph.
        """
        return Query.start(self._now, name, ids)

    def E(
        self,
        name: str,
        *,
        between: tuple[object, object] | None = None,
    ) -> EdgeQuery:
        """Begin at the edges of a type, oldest first, to batch them for training.

        Args:
            name: Edge type.
            between: Only edges from the first moment on and before the second: Unix
                seconds, datetimes or ISO text; none for an open end.
        """
        return EdgeQuery.start(self._now, name, between)

    def _type_of(self, column: str, named: str | None) -> str:
        if named is not None:
            self._now.typed(named)
            return named
        found = [name for name, nodes in self._now.nodes.items() if nodes.key == column]
        if len(found) != 1:
            known = ", ".join(f"{n} ({x.key})" for n, x in self._now.nodes.items())
            raise DataError(
                f"column {column!r} is the key of {len(found)} node types. Say which "
                f"type it is, as '{column}: type -> ...'. There are: {known or 'none'}."
            )
        return found[0]

    def _encoded(
        self,
        name: str,
        rows: pl.DataFrame,
        ends: tuple[str, str],
        types: tuple[str, str],
    ) -> tuple[dict[str, Nodes], tuple[np.ndarray, np.ndarray]]:
        """Return the nodes with those of new edges, and the rows of both ends."""
        nodes = dict(self._now.nodes)
        at: list[np.ndarray] = []
        for column, side in zip(ends, types, strict=True):
            ids, held = columns.ids(rows, column, name), nodes[side]
            found = held.ids.encode(ids)
            if len(found) and int(found.min()) < 0:
                nodes[side] = Nodes(held.ids.extended(ids), held.key)
                found = nodes[side].ids.encode(ids)
            at.append(found)
        return nodes, (at[0], at[1])

    def _append(
        self,
        name: str,
        nodes: dict[str, Nodes],
        at: tuple[np.ndarray, np.ndarray],
        when: Int64[np.ndarray, " n"] | None,
        features: pl.DataFrame,
    ) -> None:
        held = self._now.edges[name]
        if when is not None and len(when) and len(held):
            oldest, latest = int(when.min()), held.latest
            if oldest < latest - self._late:
                raise DataError(
                    f"row {int(when.argmin())} of the new edges {name!r} is "
                    f"{latest - oldest} seconds older than the latest, and this graph "
                    f"takes edges up to {self._late} late. Pass late_seconds to Graph."
                )
        sizes = (len(nodes[held.source]), len(nodes[held.target]))
        batch = (at, sizes, when, features)
        edges = held.appended(*batch)
        self._now = Snapshot(nodes, {**self._now.edges, name: edges})
        if name in self._missed:
            self._missed[name].append(batch)
        elif edges.slack > _MOVED * (len(edges) + sum(sizes)):
            self._missed[name] = []
            Thread(target=self._tidy, args=(name, edges), daemon=True).start()

    def _tidy(self, name: str, edges: Edges) -> None:
        """Lay the rows of a type of edge close together, while others go on."""
        tidy = edges
        try:
            tidy = edges.compacted(_SPARE)
        finally:
            with self._writing:
                missed = self._missed.pop(name)
                if tidy is not edges:
                    for batch in missed:
                        tidy = tidy.appended(*batch)
                    held = {**self._now.edges, name: tidy}
                    self._now = Snapshot(self._now.nodes, held)
