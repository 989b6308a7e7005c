"""Removal: a graph without some of its edges, which a table or a condition names."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Bool

from tidegraph.arguments import LEFT_OUT
from tidegraph.data.ids.identity import series
from tidegraph.data.ids.unknown import rows_of_all
from tidegraph.data.interactions import Interactions
from tidegraph.data.tables.refused import as_data_error
from tidegraph.data.tables.retyped import retyped
from tidegraph.errors import DataError, RequestError, did_you_mean
from tidegraph.graph.from_log import ITEM, USER, Arrivals, rows_by_type
from tidegraph.graph.query.filters import check, holds
from tidegraph.graph.rewriting.erasure import edges_where
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage import ingest
from tidegraph.graph.storage.edge_store import EdgeStore
from tidegraph.graph.times import seconds_of, span_of

_NOTHING = "nothing was removed"
Edges = Bool[np.ndarray, " edges"]


def without_edges(graph: Snapshot, gone: Mapping[str, Edges]) -> Snapshot:
    """Return the graph without some edges of some types; nodes stay.

    Args:
        graph: The graph, which does not change.
        gone: Type of edge to which of its edges go, by their number when they are
            compacted; those behind stay.
    """
    sizes = {name: len(held) for name, held in graph.nodes.items()}
    edges = dict(graph.edges)
    for name, which in gone.items():
        whole = edges[name].compacted()
        kept = np.ones(len(whole), np.bool_)
        kept[: len(which)] = ~which
        edges[name] = edges_where(whole, kept, sizes)
    return replace(graph, edges=edges)


def edges_to_remove(
    graph: Snapshot,
    name: str,
    table: object,
    where: pl.Expr | None,
    between: tuple[object, object] | None,
) -> dict[str, Edges]:
    """Return which edges of a type all that is given holds for; see ``Graph.remove``.

    Raises:
        DataError: The table is none.
        RequestError: Nothing is given, or a row of the table is no edge.
    """
    edges = graph.edge(name).compacted()
    if table is LEFT_OUT and where is None and between is None:
        raise RequestError(
            f"say which edges {name!r} go, by a table, where= or between=; {_NOTHING}."
        )
    source, target, ticks = edges.columns()
    gone = np.ones(len(edges), np.bool_)
    if between is not None:
        if edges.time is None:
            raise RequestError(f"edges {name!r} have no time to be between.")
        first, last = span_of(between, graph.tick)
        gone &= (ticks >= first) & (ticks < last)
    if where is not None:
        ends = zip(_ends(edges), (source, target), strict=True)
        ids = [graph.nodes[t].vocabulary.decode(r).alias(c) for (c, t), r in ends]
        times = [pl.Series(edges.time, seconds_of(ticks, graph.tick))]
        features = edges.features.drop([c.name for c in ids], strict=False)
        own = [*ids, *(times if edges.time else []), *features.iter_columns()]
        gone &= holds(pl.DataFrame(own), check(where), edges.time)
    if table is not LEFT_OUT:
        gone &= _edges_of_table(graph, edges, name, table)
    return {name.removeprefix("~"): gone}


def edges_of_events(graph: Snapshot, log: Interactions | Arrivals) -> dict[str, Edges]:
    """Return which edges are events of a log: of their type, user, item and time.

    Raises:
        RequestError: An event is not in the graph.
    """
    if isinstance(log, Interactions):
        ids = (log.users.decode(log.user), log.items.decode(log.item))
    else:
        ids = (series(list(log.user), "users"), series(list(log.item), "items"))
    held = ((graph.users, USER), (graph.items, ITEM))
    user, item = (
        rows_of_all(vocabulary, given, kind, _NOTHING)
        for (vocabulary, kind), given in zip(held, ids, strict=True)
    )
    gone = dict[str, Edges]()
    for name, rows in rows_by_type(log).items():
        if not len(rows):
            continue
        edges = graph.edge(name).compacted()
        own, wanted = edges.columns(), (user[rows], item[rows], log.time[rows])
        columns = [USER, ITEM, "time"][: 2 if log.clock == "none" else 3]
        gone[name] = _agreeing(name, columns, own, wanted)
    return gone


def _ends(edges: EdgeStore) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the column and the node type of both ends."""
    at = edges.origin
    return (at.source, edges.source), (at.target, edges.target)


def _edges_of_table(
    graph: Snapshot, edges: EdgeStore, name: str, table: object
) -> Edges:
    """Return which edges agree with a row of a table in all columns that it has."""
    ends = _ends(edges)
    rows = ingest.as_frame(table, [column for column, _ in ends], empty=True)
    source, target, ticks = edges.columns()
    columns, wanted, held = list[str](), list[object](), list[object]()
    for (column, of), at in zip(ends, (source, target), strict=True):
        ids = ingest.ids_in_column(rows, column, name)
        found = rows_of_all(graph.nodes[of].vocabulary, ids, of, _NOTHING)
        columns, wanted, held = [*columns, column], [*wanted, found], [*held, at]
    for column in rows.columns:
        if column in columns:
            continue
        if column == edges.time:
            unit = edges.origin.unit
            when = ingest.edge_times(rows, column, name, graph.tick, unit).time
            wanted, held = [*wanted, when], [*held, ticks]
        elif column in edges.features.columns:
            own = edges.features[column]
            wanted = [*wanted, retyped(rows[column], own, "the edges to remove")]
            held = [*held, own]
        else:
            known = [*columns, *([edges.time] if edges.time else [])]
            known = [*dict.fromkeys([*known, *edges.features.columns])]
            raise DataError(
                f"edges {name!r} have no column {column!r}; {_NOTHING}."
                f"{did_you_mean(column, known)} They have: {', '.join(known)}."
            )
        columns = [*columns, column]
    return _agreeing(name, columns, held, wanted)


def _agreeing(
    name: str, columns: Sequence[str], held: Sequence[object], wanted: Sequence[object]
) -> Edges:
    """Return which edges agree with one of those wanted, each of which has to be one.

    Raises:
        RequestError: One of them is none.
    """
    own = pl.DataFrame({c: v for c, v in zip(columns, held, strict=False)})
    asked = pl.DataFrame({c: v for c, v in zip(columns, wanted, strict=False)})
    by, number = list(columns), "number of the row"
    with as_data_error(f"the edges {name!r} to remove"):
        found = own.with_row_index(number).join(asked, by, "semi", nulls_equal=True)
        lacking = asked.with_row_index(number).join(own, by, "anti", nulls_equal=True)
    if lacking.height:
        raise RequestError(
            f"row {lacking[number].min()} of the edges to remove is no edge {name!r} "
            f"in all of {', '.join(columns)}; {_NOTHING}. Give each as it is, "
            f"or only {columns[0]} and {columns[1]} to name all between them."
        )
    gone = np.zeros(own.height, np.bool_)
    gone[found[number].to_numpy()] = True
    return gone
