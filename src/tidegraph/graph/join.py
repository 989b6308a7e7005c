"""Two graphs as one: a node of both is the same if its type and raw id are."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.tables.retyped import retyped
from tidegraph.errors import DataError
from tidegraph.graph.from_log import ACTION, IMPRESSION, ITEM, USER
from tidegraph.graph.nodes import Nodes
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.edge_store import EdgeStore


def without_events(graph: Snapshot) -> Snapshot | None:
    """Return a graph without the events of a log; none if nothing is left."""
    own = (ACTION, IMPRESSION)
    edges = {name: held for name, held in graph.edges.items() if name not in own}
    if not edges and not graph.nodes.keys() - {USER, ITEM}:
        return None
    return replace(graph, edges=edges)


def union(graph: Snapshot, more: Snapshot) -> Snapshot:
    """Return a graph with the further nodes and edges of another.

    Rows of ``graph`` do not change: ids that only ``more`` has come behind them. A
    feature that both have keeps the values of ``graph``, for its own nodes. Nodes of
    ``more`` that were erased stay out. Times are counted as ``graph`` counts them.

    Args:
        graph: What there is.
        more: What comes to it; no type of edge may be in both.

    Raises:
        DataError: A type of edge is in both, or the nodes of a type have keys of
            different names or a feature of different types.
    """
    for name in more.edges:
        if name in graph.edges:
            raise DataError(
                f"both graphs have edges {name!r}. Leave them out of one, or append "
                "them to the other."
            )
    more = more.counted_in(graph.tick)
    nodes, rows = dict(graph.nodes), dict[str, Int32[np.ndarray, " nodes"]]()
    for name, theirs in more.nodes.items():
        if name in nodes:
            nodes[name] = _nodes_of_both(name, nodes[name], theirs)
            rows[name] = nodes[name].vocabulary.encode(theirs.vocabulary.ids)
        else:
            nodes[name] = theirs
    moved = {
        name: _edges_at_rows(edges, rows, nodes) for name, edges in more.edges.items()
    }
    return replace(graph, nodes=nodes, edges={**graph.edges, **moved})


def _nodes_of_both(name: str, ours: Nodes, theirs: Nodes) -> Nodes:
    """Return the nodes of one type of both graphs."""
    if ours.key != theirs.key:
        raise DataError(
            f"the key of nodes {name!r} is {ours.key!r} in one graph and "
            f"{theirs.key!r} in the other. Give both the key {ours.key!r}."
        )
    whole = ours.vocabulary.extended(theirs.vocabulary.ids.drop_nulls())
    row, place = whole.encode(theirs.vocabulary.ids), np.full(len(whole), -1, np.int64)
    place[row[row >= 0]] = np.flatnonzero(row >= 0)
    there = pl.Series(place).set(pl.Series(place < 0), None)
    columns = {c.name: c for c in whole.features.iter_columns()}
    for column in theirs.vocabulary.features.iter_columns():
        found = column.gather(there)
        held = columns.get(column.name)
        if held is not None:
            whose = f"nodes {name!r} of one of two graphs"
            new = retyped(found.slice(len(ours)), held, whose)
            found = pl.concat([held.head(len(ours)).cast(new.dtype), new])
        columns[column.name] = found
    return Nodes(Vocabulary(whole.ids, pl.DataFrame(columns), whole.lookup), ours.key)


def _edges_at_rows(
    edges: EdgeStore,
    rows: Mapping[str, Int32[np.ndarray, " nodes"]],
    nodes: Mapping[str, Nodes],
) -> EdgeStore:
    """Return edges between the same nodes at other rows, if theirs are others."""
    types = (edges.source, edges.target)
    stay = [
        name not in rows or np.array_equal(rows[name], np.arange(len(rows[name])))
        for name in types
    ]
    if all(stay):
        return edges
    whole = edges.compacted()
    source, target, when = whole.columns()
    at = tuple(
        end if name not in rows else rows[name][end]
        for name, end in zip(types, (source, target), strict=True)
    )
    return EdgeStore.build(
        types,
        (at[0], at[1]),
        (len(nodes[types[0]]), len(nodes[types[1]])),
        when if edges.time is not None else None,
        time=edges.time,
        weight=edges.weight,
        features=whole.features,
        origin=edges.origin,
    )
