"""Histories as signals on the items: what filters are given."""

import numpy as np
from jaxtyping import Int32

from tidegraph.graph.storage.histories import Histories
from tidegraph.kernels.ragged import owners, starts
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.retrieval.scoring.weighted_history import WeightedHistory


def distinct_items(
    history: Histories, items: int, half_life_days: float | None
) -> SparseRows:
    """Return the weight of each distinct known item of each history.

    Args:
        history: What says that the requesters wanted an item; see
            ``Requests.positive``.
        items: Items from here on are unknown and left out.
        half_life_days: Age of an item's last event at which it counts half; None for
            never.
    """
    voters = WeightedHistory.of_history(history, items, half_life_days)
    ptr, row, gain, count = voters.arrays
    # Of an item that stands several times only the last counts.
    key = owners(ptr) * np.int64(items + 1) + np.minimum(row, items)
    last = len(key) - 1 - np.unique(key[::-1], return_index=True)[1]
    last = last[(row[last] >= 0) & (row[last] < items)]
    size = np.bincount(owners(ptr)[last], minlength=len(voters))
    weight = np.ldexp(gain[last], -np.minimum(count[last], 1000))
    return SparseRows(starts(size), row[last], weight.astype(np.float32), items)


def single_item_histories(rows: Int32[np.ndarray, " b"], items: int) -> SparseRows:
    """Return a history of one item each; an unknown one leaves it empty.

    Args:
        rows: The item of each history.
        items: Items from here on are unknown.
    """
    known = (rows >= 0) & (rows < items)
    ones = np.ones(int(known.sum()), np.float32)
    return SparseRows(starts(known.astype(np.int64)), rows[known], ones, items)
