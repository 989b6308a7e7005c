"""The columns of what a query reached: of the nodes, and of the edges to them."""

import numpy as np
import polars as pl
from jaxtyping import Int64

from tidegraph.errors import RequestError
from tidegraph.graph.query.traversers import Traversers
from tidegraph.graph.snapshot import Snapshot, reverse
from tidegraph.graph.times import seconds_of


def columns_of(
    graph: Snapshot, type: str, via: str | None, labels: tuple[str, ...]
) -> dict[str, tuple[bool, str]]:
    """Return each column's name, whether it is the edge's, and its name there.

    Args:
        graph: The snapshot that is queried.
        type: Type of the nodes.
        via: The edge that led to them, if one did.
        labels: Names that mean something else.
    """
    nodes = graph.nodes[type]
    of_node = [nodes.key, *nodes.vocabulary.features.columns]
    of_edge: list[str] = []
    if via is not None:
        edges = graph.edge(via)
        of_edge = [*([edges.time] if edges.time else []), *edges.features.columns]
    both = (set(of_node) & set(of_edge)) | set(labels)
    plain = (via or "").removeprefix("~")
    return {
        **{f"{type}.{c}" if c in both else c: (False, c) for c in of_node},
        **{f"{plain}.{c}" if c in both else c: (True, c) for c in of_edge},
    }


def time_column(
    graph: Snapshot, type: str, via: str | None, labels: tuple[str, ...]
) -> str | None:
    """Return how the time of the edges is named; none if they have none."""
    time = graph.edge(via).time if via is not None else None
    found = columns_of(graph, type, via, labels).items()
    return next((n for n, held in found if time and held == (True, time)), None)


def column(
    graph: Snapshot,
    type: str,
    via: str | None,
    at: Traversers,
    name: str,
    others: tuple[str, ...],
) -> pl.Series:
    """Return a column of the nodes reached, or of the edges that led to them.

    Args:
        graph: The snapshot that is queried.
        type: Type of the nodes.
        via: The edge that led to them, if one did.
        at: The nodes.
        name: Which column, as ``columns_of`` names it.
        others: Names that mean something else.

    Raises:
        RequestError: There is no such column.
    """
    known = columns_of(graph, type, via, others)
    if name not in known:
        alike = [k for k in known if k.endswith(f".{name}")]
        mend = f"Say {' or '.join(alike)}." if alike else "There are: "
        listed = "" if alike else ", ".join((*others, *known))
        raise RequestError(f"there is no column {name!r} here. {mend}{listed}".rstrip())
    of_edge, held = known[name]
    if of_edge and via is not None:
        return _edge_column(graph, via, held, at.slot)
    nodes = graph.nodes[type]
    if held == nodes.key:
        return nodes.vocabulary.decode(at.node)
    return nodes.vocabulary.features[held].gather(at.node)


def _edge_column(
    graph: Snapshot, via: str, held: str, slot: Int64[np.ndarray, " n"]
) -> pl.Series:
    """Return the time or a feature of edges; a slot against ``via`` is -1 less it."""
    edges, forth, back = graph.edge(via), graph[via], graph[reverse(via)]
    against = slot < 0
    here, there = np.where(against, 0, slot), np.where(against, -1 - slot, 0)
    if held == edges.time:
        time = forth.time_at(here)
        if bool(against.any()):
            time = np.where(against, back.time_at(there), time)
        return pl.Series(held, seconds_of(time, graph.tick))
    edge = forth.edge[here]
    if bool(against.any()):
        edge = np.where(against, back.edge[there], edge)
    return edges.features[held].gather(edge)
