"""Erasure: a graph without some nodes, and without every edge at them."""

from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from tidegraph.data.ids.unknown import rows_of_all
from tidegraph.data.tables.packed import packed
from tidegraph.graph.from_log import ITEM, USER
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.edge_store import EdgeStore


def rows_to_erase(
    graph: Snapshot, type: str, ids: pl.Series
) -> Int32[np.ndarray, " n"]:
    """Return the rows of nodes, all of which must be there.

    Raises:
        RequestError: An id is not in the graph; nothing was erased.
    """
    return rows_of_all(graph.typed(type).vocabulary, ids, type, "nothing was erased")


def without_nodes(
    graph: Snapshot, type: str, rows: Int32[np.ndarray, " n"]
) -> Snapshot:
    """Return the graph without the ids, the features and the edges of some nodes.

    Rows are not given anew: those of the nodes stay, with nothing in them. Takes O(all
    edges of the types that touch the nodes).

    Args:
        graph: The graph, which does not change.
        type: Type of the nodes.
        rows: Which of them.
    """
    held = graph.typed(type)
    nodes = {
        **graph.nodes,
        type: replace(held, vocabulary=held.vocabulary.without(rows)),
    }
    sizes = {name: len(held) for name, held in nodes.items()}
    gone = np.zeros(len(held), np.bool_)
    gone[rows] = True
    edges = {
        name: _edges_without_nodes(kept, type, gone, sizes)
        for name, kept in graph.edges.items()
    }
    return replace(graph, nodes=nodes, edges=edges)


def have_edges(graph: Snapshot, type: str, rows: Int32[np.ndarray, " n"]) -> bool:
    """Return whether any of some nodes has an edge, without a look at the others."""
    for edges in graph.edges.values():
        ends = ((edges.source, edges.out), (edges.target, edges.back))
        for start, stop in (side.span(rows) for of, side in ends if of == type):
            if bool((stop > start).any()):
                return True
    return False


def _edges_without_nodes(
    edges: EdgeStore, type: str, gone: np.ndarray, sizes: dict[str, int]
) -> EdgeStore:
    if type not in (edges.source, edges.target):
        return edges
    whole = edges.compacted()
    source, target, _ = whole.columns()
    kept = np.ones(len(whole), np.bool_)
    for side, end in ((edges.source, source), (edges.target, target)):
        if side == type:
            kept &= ~gone[end]
    return edges_where(whole, kept, sizes)


def without_pairs(
    graph: Snapshot,
    item: Int64[np.ndarray, " users"],
    since: Int64[np.ndarray, " users"],
) -> Snapshot:
    """Return the graph without the edges of users with an item each, from a time on.

    Edges without times go whenever they were made. Takes O(all edges between users and
    items).

    Args:
        graph: The graph, which does not change.
        item: The row of each user's item, -1 for none; further users have none.
        since: From when on, in seconds.
    """
    graph = graph.counted_in("s")
    sizes = {name: len(held) for name, held in graph.nodes.items()}
    edges = dict(graph.edges)
    for name, held in graph.edges.items():
        if {held.source, held.target} != {USER, ITEM}:
            continue
        whole = held.compacted()
        source, target, time = whole.columns()
        user, other = (source, target) if held.source == USER else (target, source)
        named = np.flatnonzero(user < len(item))
        gone = item[user[named]] == other[named]
        if held.time is not None:
            gone &= time[named] >= since[user[named]]
        kept = np.ones(len(whole), np.bool_)
        kept[named[gone]] = False
        edges[name] = edges_where(whole, kept, sizes)
    return replace(graph, edges=edges)


def edges_where(edges: EdgeStore, kept: np.ndarray, sizes: dict[str, int]) -> EdgeStore:
    """Return the edges for which a mask holds, which lie close together."""
    source, target, time = edges.columns()
    left = edges.features.filter(kept) if edges.features.width else None
    return EdgeStore.build(
        (edges.source, edges.target),
        (source[kept], target[kept]),
        (sizes[edges.source], sizes[edges.target]),
        time[kept] if edges.time is not None else None,
        time=edges.time,
        weight=edges.weight,
        features=pl.DataFrame(map(packed, left)) if left is not None else None,
        origin=edges.origin,
    )
