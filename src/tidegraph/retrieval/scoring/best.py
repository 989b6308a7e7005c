"""The best k of a block of scores, excluded items left out."""

import numpy as np
from jaxtyping import Float32, Int32

from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.topk import drain, push
from tidegraph.stages import NO_ITEM, Candidates, ItemSets, check_k


def best(
    scores: Float32[np.ndarray, "b items"], excluded: ItemSets, k: int, channel: str
) -> Candidates:
    """Return each row's ``k`` highest scores in decreasing order.

    Ties break on item number, so that two machines agree. Items scored ``-inf`` are
    never answered.

    Args:
        scores: One row per request, one column per item.
        excluded: Items to leave out, per request.
        k: Length of the list; rows have ``min(k, items)`` columns.
        channel: Whose answer it is.

    Raises:
        RequestError: ``k`` is below 1.
    """
    width = min(check_k(k), scores.shape[1])
    item = np.full((len(scores), width), NO_ITEM, np.int32)
    score = np.full((len(scores), width), -np.inf, np.float32)
    over_rows(
        lambda a, b: _best_rows(scores, excluded.ptr, excluded.item, item, score, a, b),
        len(scores),
        grain=16,
    )
    return Candidates.of_channel(item, score, channel)


@compiled
def _best_rows(
    scores: Float32[np.ndarray, "b items"],
    ptr: np.ndarray,
    out: np.ndarray,
    item: Int32[np.ndarray, "b k"],
    score: Float32[np.ndarray, "b k"],
    first: int,
    last: int,
) -> None:
    hidden = np.zeros(scores.shape[1], np.bool_)
    for row in range(first, last):
        for e in range(ptr[row], ptr[row + 1]):
            if 0 <= out[e] < hidden.size:
                hidden[out[e]] = True
        found = 0
        for i in range(hidden.size):
            if not hidden[i] and scores[row, i] > -np.inf:
                found = push(item[row], score[row], found, i, scores[row, i])
        drain(item[row], score[row], found)
        for e in range(ptr[row], ptr[row + 1]):
            if 0 <= out[e] < hidden.size:
                hidden[out[e]] = False
