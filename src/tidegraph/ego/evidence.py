"""What a hop may choose from where it goes along evidence alone."""

from dataclasses import replace

from tidegraph.graph.from_log import ACTION
from tidegraph.graph.sampling.gather import Neighborhood
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.kept_index import Indexes
from tidegraph.graph.storage.row_bounds import RowBounds
from tidegraph.kernels.jit import sealed
from tidegraph.stages.evident_rows import EvidentRows


def evident_past(graph: Snapshot, edge: str, past: Neighborhood) -> Neighborhood:
    """Return a past without actions that say that nobody wanted an item.

    Of users neither is there what was sent back before the clock. Edges other than
    actions, and actions without returns, stay as they are.

    Args:
        graph: Whose weights say what is evidence, whatever a hop takes edges by.
        edge: What the hop goes along.
        past: What it may choose from.
    """
    if edge not in (ACTION, f"~{ACTION}") or graph[edge].least_weight > 0:
        return past
    rows_of = (
        EvidentRows.of_histories if edge == ACTION else EvidentRows.without_returns
    )
    slot, start, stop = rows_of(graph[edge], past.start, past.stop)
    edges = past.edges
    alone = replace(
        edges,
        bounds=RowBounds.of(start, stop),
        node=edges.node[slot],
        time=edges.time[slot],
        edge=edges.edge[slot],
        arena=None,
        indexes=Indexes(),
    )
    start, stop = sealed(start, stop)
    return past._replace(edges=alone, start=start, stop=stop)
