"""The first edges of a type, from a table with a row for each."""

import polars as pl

from tidegraph.data.times.ticks import TimeUnit
from tidegraph.graph.nodes import Nodes
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage import ingest
from tidegraph.graph.storage.edge_store import EdgeStore, Origin
from tidegraph.graph.storage.ends import check_new, end_rows, types_of


def edges_of_table(
    graph: Snapshot,
    name: str,
    rows: pl.DataFrame,
    where: ingest.Ends,
    *,
    time: str | None,
    weight: str | None,
    time_unit: TimeUnit | None,
) -> tuple[dict[str, Nodes], EdgeStore]:
    """Return the nodes with the ends of the edges, and the edges; see ``Graph.edges``.

    Raises:
        DataError: A column is missing or holds what it should not, a time is finer than
            a tick, or the type of a node is not known.
    """
    check_new(name, graph.edges)
    for named in filter(None, (where.source_type, where.target_type)):
        graph.typed(named)
    ends_of, types = (where.source, where.target), types_of(graph.nodes, where)
    when, unit = None, None
    if time is not None:
        when, unit = ingest.edge_times(rows, time, name, graph.tick, time_unit)
    nodes, at = end_rows(graph.nodes, name, rows, ends_of, types)
    edges = EdgeStore.build(
        types,
        at,
        (len(nodes[types[0]]), len(nodes[types[1]])),
        when,
        time=time,
        weight=weight,
        features=rows.drop(*ends_of, *([] if time is None else [time])),
        origin=Origin(*ends_of, unit),
    )
    return nodes, edges
