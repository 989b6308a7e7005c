"""Several types of edge as one graph, as of each clock of a batch."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64

from tidegraph.errors import ConfigError, LeakageError, RequestError
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.static import StaticGraph


def check_ends(graph: Snapshot, edges: tuple[str, ...], *types: str) -> None:
    """Raise ConfigError if a type of node is at no end of the edges."""
    ends = [end for edge in edges for end in graph.ends(edge)]
    for name in types:
        if name not in ends:
            raise ConfigError(f"no node {name!r} is at an end of {', '.join(edges)}.")


def graphs_by_clock(
    graph: Snapshot, edges: tuple[str, ...], type: str, seeds: Seeds, *, ever: bool
) -> Iterator[tuple[Int64[np.ndarray, " rows"], StaticGraph]]:
    """Yield the graph as of each different clock, and the rows that have that clock.

    Rows of nobody, whose node is -1, have none.

    Args:
        graph: The edges.
        edges: Edge types that join the nodes, taken both ways.
        type: Type of the seeds.
        seeds: The batch.
        ever: Take any edge, whatever its time: one graph for all rows.

    Raises:
        LeakageError: An edge has times, and there is no clock.
        RequestError: A node is not in the graph.
    """
    size = len(graph.typed(type))
    if len(seeds.node) and not -1 <= seeds.node.min() <= seeds.node.max() < size:
        raise RequestError(
            f"a static graph needs a node {type!r} in each row: from 0 to {size - 1}, "
            "or -1 for nobody."
        )
    some = seeds.node >= 0
    timed = [edge for edge in edges if graph[edge].is_timed]
    if ever or not timed:
        if bool(some.any()):
            yield np.flatnonzero(some), StaticGraph.of(graph, edges)
        return
    if seeds.clock is None:
        raise LeakageError(
            f"edges {timed[0]!r} have times, so their static graph needs a clock. Pass "
            "one, or say all_time=True to take every edge."
        )
    for moment in np.unique(seeds.clock[some]):
        then = graph.before(int(moment))
        yield (
            np.flatnonzero(some & (seeds.clock == moment)),
            StaticGraph.of(then, edges),
        )
