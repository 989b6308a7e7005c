"""One hop of a query: every edge of each traverser that its clock lets it see."""

import numpy as np
from jaxtyping import Bool, Int64

from tidegraph.errors import LeakageError
from tidegraph.graph.query.traversers import Begun, Traversers
from tidegraph.graph.snapshot import Snapshot, reverse
from tidegraph.graph.storage.tcsr import NOW
from tidegraph.kernels.ragged import owners, ranges, starts


def follow_edge(
    graph: Snapshot, edge: str, at: Traversers, window: int | None
) -> tuple[Traversers, Int64[np.ndarray, " reached"]]:
    """Return what the edges of each traverser lead to, and which traverser came.

    Args:
        graph: The snapshot that is queried.
        edge: Edge type; with ``~`` it is gone against.
        at: The traversers, at nodes that the edge starts from.
        window: How far back from its clock each looks, in ticks; none for any age.

    Raises:
        LeakageError: The edge has times, and there is no clock.
    """
    edges = graph[edge]
    if not edges.is_timed:
        low, high = edges.span(at.node)
    elif at.clock is None:
        raise LeakageError(
            f"{edge!r} is timed by {graph.edge(edge).time!r}, so a hop along it needs "
            "a clock. Say before(time), or all_time() to see every edge."
        )
    else:
        low, high = edges.span_before(at.node, at.clock, window)
    ptr = starts(high - low)
    slot, parent = ranges(low, ptr), owners(ptr)
    clock = None if at.clock is None else at.clock[parent]
    if clock is not None and edges.is_timed:
        clock = np.where(clock == NOW, NOW, edges.time_at(slot))
    return Traversers(at.origin[parent], edges.node[slot], clock, slot), parent


def follow_edge_both_ways(
    graph: Snapshot, edge: str, at: Traversers, window: int | None
) -> tuple[Traversers, Int64[np.ndarray, " reached"]]:
    """Return what ``follow_edge`` finds along an edge and then against it.

    Slots of edges gone against are ``-1 - slot``.
    """
    forth, came = follow_edge(graph, edge, at, window)
    back, went = follow_edge(graph, reverse(edge), at, window)
    back = back._replace(slot=-1 - back.slot)
    parent = np.concatenate([came, went])
    order = np.argsort(parent, kind="stable")
    columns = [
        None if a is None or b is None else np.concatenate([a, b])[order]
        for a, b in zip(forth, back, strict=True)
    ]
    return Traversers(*columns), parent[order]  # pyright: ignore[reportArgumentType]


def has_edge(
    graph: Snapshot, edge: str, begun: Begun, at: Traversers
) -> Bool[np.ndarray, " n"]:
    """Return whether the start of each traverser has an edge to its node.

    Only edges strictly before the clock of the start count.

    Args:
        graph: The snapshot that is queried.
        edge: Edge type that leads from the type of the starts to that of the nodes.
        begun: Where the query began.
        at: The traversers.

    Raises:
        LeakageError: The edge has times, and there is no clock.
    """
    origin = np.unique(at.origin)
    clock = None if begun.clock is None else begun.clock[origin]
    place = np.full(len(origin), -1, np.int64)
    found, _ = follow_edge(
        graph, edge, Traversers(origin, begun.node[origin], clock, place), None
    )
    width = len(graph.typed(graph.ends(edge)[1]))
    return np.isin(at.origin * width + at.node, found.origin * width + found.node)
