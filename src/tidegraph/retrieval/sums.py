"""What each history adds up to per item: weights, halved with age if so wanted."""

import numpy as np

from tidegraph.graph.storage.histories import Histories
from tidegraph.kernels.jit import compiled
from tidegraph.retrieval.decay import halvings
from tidegraph.retrieval.evidence import some_of
from tidegraph.retrieval.fading import add
from tidegraph.retrieval.scoring import WeightedHistory


def summed(
    history: Histories, num_items: int, half_life_days: float | None
) -> WeightedHistory:
    """Return the distinct known items of each history, as loud as all their events.

    They stand in the order of their last events.

    Args:
        history: The requesters' own events.
        num_items: Items from here on are unknown and left out.
        half_life_days: Age, since the newest event of a known item, at which an
            event counts half; None where age does not matter.
    """
    if half_life_days is not None:
        # Ages count from the newest event whose item is known.
        history = some_of(history, (history.node >= 0) & (history.node < num_items))
        part, count = halvings(history, half_life_days)
        worth = history.weight * part
    else:
        worth, count = history.weight, np.zeros(len(history.node), np.int64)
    size = np.zeros(len(history), np.int64)
    item = np.full(len(history.node), -1, np.int32)
    total, block = np.zeros(len(item)), np.zeros(len(item), np.int64)
    events = (history.ptr, history.node, worth, count)
    _add_up(events, num_items, size, (item, total, block))
    kept = item >= 0
    ptr = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    faded = None if half_life_days is None else block[kept]
    return WeightedHistory(ptr, item[kept], total[kept].astype(np.float32), faded)


@compiled
def _add_up(
    history: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    width: int,
    size: np.ndarray,
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    ptr, node, worth, count = history
    item, total, block = out
    place = np.full(width, -1, np.int64)
    for row in range(ptr.size - 1):
        # Filled from the end, newest first, which leaves the newest last.
        at = ptr[row + 1]
        for h in range(ptr[row + 1] - 1, ptr[row] - 1, -1):
            i = node[h]
            if i < 0 or i >= width:
                continue
            if place[i] < 0:
                at -= 1
                place[i] = at
                item[at] = i
            add(total, block, place[i], worth[h], count[h])
        size[row] = ptr[row + 1] - at
        for p in range(at, ptr[row + 1]):
            place[item[p]] = -1
