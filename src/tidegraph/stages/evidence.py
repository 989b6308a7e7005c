"""What of a history, or of a past, counts as evidence; see ``data.views.evidence``."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from tidegraph.data.views.matrix import exceeds_rounding
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.sampling.gather import Neighborhood
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.histories import Histories
from tidegraph.graph.storage.kept_index import Indexes
from tidegraph.graph.storage.row_bounds import RowBounds
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.kernels.distinct_numbers import Few, are_few
from tidegraph.kernels.jit import compiled, sealed
from tidegraph.kernels.ragged import ranges, starts, starts_where


def evident_history(history: Histories) -> Histories:
    """Return the events of each history whose items are evidence."""
    if bool((history.weight > 0).all()):
        return history
    return events_where(history, _is_evident(history))


def is_positive_event(history: Histories) -> Bool[np.ndarray, " events"]:
    """Return which events say that somebody wanted an item."""
    positive = history.weight > 0
    return positive if bool(positive.all()) else positive & _is_evident(history)


def positive_history(history: Histories) -> Histories:
    """Return the events of each history that say that somebody wanted an item."""
    return events_where(history, is_positive_event(history))


def events_where(history: Histories, kept: Bool[np.ndarray, " events"]) -> Histories:
    """Return the events of each history for which a mask holds."""
    if bool(kept.all()):
        return history
    ptr = starts_where(history.ptr, kept)
    return Histories(ptr, history.node[kept], history.time[kept], history.weight[kept])


class EvidentRows(NamedTuple):
    """Some slots of a graph, and where those of each past stand among them.

    Attributes:
        slot: Slots of the graph.
        start: First place of each past.
        stop: One after its last place.
    """

    slot: Int64[np.ndarray, " slots"]
    start: Int64[np.ndarray, " q"]
    stop: Int64[np.ndarray, " q"]

    @classmethod
    def of_histories(
        cls,
        edges: TemporalCSR,
        start: Int64[np.ndarray, " q"],
        stop: Int64[np.ndarray, " q"],
    ) -> "EvidentRows":
        """Return pasts of users without returns and without what was sent back.

        Args:
            edges: Actions, from users to items.
            start: First slot of each past.
            stop: One after its last slot.
        """
        ptr = starts(stop - start)
        slot = ranges(start, ptr)
        kept = is_positive_event(edges.histories_at(ptr, slot))
        before = starts(kept)
        return cls(slot[kept], before[ptr[:-1]], before[ptr[1:]])

    @classmethod
    def without_returns(
        cls,
        edges: TemporalCSR,
        start: Int64[np.ndarray, " q"],
        stop: Int64[np.ndarray, " q"],
    ) -> "EvidentRows":
        """Return pasts of items without returns; pasts that start alike share slots.

        A purchase stays if it was sent back later, of which nothing was known when it
        was made.

        Args:
            edges: Actions, from items to users.
            start: First slot of each past.
            stop: One after its last slot.
        """
        first, row = np.unique(start, return_inverse=True)
        last = first.copy()
        np.maximum.at(last, row, stop)
        ptr = starts(last - first)
        slot = ranges(first, ptr)
        kept = edges.weight_at(slot) > 0
        before, place = starts(kept), ptr[row]
        return cls(slot[kept], before[place], before[place + (stop - start)])


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


def _is_evident(history: Histories) -> Bool[np.ndarray, " events"]:
    """Return which events are of items that are evidence."""
    node, size = history.node, int(history.node.max()) + 1
    if are_few(len(node), size):
        few = Few.of(node)
        node, size = few.places(node), len(few)
    kept = np.zeros(len(node), np.bool_)
    _mark_evident(history.ptr, node, history.weight, max(size, 0), kept)
    return kept


@compiled
def _mark_evident(
    ptr: np.ndarray,
    node: np.ndarray,
    weight: np.ndarray,
    size: int,
    kept: Bool[np.ndarray, " events"],
) -> None:
    """Mark the events whose item's weights add up to more than 0 in their history."""
    total, gross = np.zeros(size), np.zeros(size)
    for row in range(ptr.size - 1):
        for h in range(ptr[row], ptr[row + 1]):
            if node[h] >= 0:
                total[node[h]] += weight[h]
                gross[node[h]] += abs(weight[h])
        for h in range(ptr[row], ptr[row + 1]):
            i = node[h]
            kept[h] = i >= 0 and exceeds_rounding(total[i], gross[i])
        for h in range(ptr[row], ptr[row + 1]):
            if node[h] >= 0:
                total[node[h]] = gross[node[h]] = 0
