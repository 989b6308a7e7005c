"""What of a history counts as evidence; see ``data.views.evidence``."""

import numpy as np
from jaxtyping import Bool

from tidegraph.data.views.matrix import exceeds_rounding
from tidegraph.graph.storage.histories import Histories
from tidegraph.kernels.distinct_numbers import Few, are_few
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.ragged import starts_where


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
    positive = is_positive_event(history)
    return history if bool(positive.all()) else events_where(history, positive)


def events_where(history: Histories, kept: Bool[np.ndarray, " events"]) -> Histories:
    """Return the events of each history for which a mask holds."""
    ptr = starts_where(history.ptr, kept)
    return Histories(ptr, history.node[kept], history.time[kept], history.weight[kept])


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
