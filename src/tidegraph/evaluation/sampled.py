"""The sampled protocol: each relevant item among a few drawn ones.

Its numbers are larger than those of the full ranking and may order models differently
(Krichene & Rendle, 2020); it is here for comparison with papers that used it, and every
table says so.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from tidegraph.errors import ConfigError, DataError
from tidegraph.evaluation.answers import blocks
from tidegraph.evaluation.protocol import Task
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.stages import ItemSets, Requests, Scores


def sampled_hits(
    model: Scores,
    task: Task,
    k: int,
    *,
    negatives: int = 100,
    rng: np.random.Generator,
) -> Bool[np.ndarray, "pairs k"]:
    """Return where each relevant item stands among items drawn for it.

    Every relevant item is ranked alone against ``negatives`` different items, drawn
    uniformly from those that training saw, without the history and the relevant items
    of its user. Where fewer are left, it is ranked against all of them. Equal scores
    are ordered by chance; an item scored ``-inf`` is not found at all.

    Args:
        model: Who is judged.
        task: The requests, and what each should find.
        k: Longest list to look at.
        negatives: How many items to draw.
        rng: Where randomness comes from.

    Returns:
        One row per entry of ``task.relevant``.

    Raises:
        ConfigError: ``negatives`` is below 1.
        DataError: Training has no item.
    """
    if negatives < 1:
        raise ConfigError(f"negatives is {negatives}; draw at least 1.")
    catalogue = np.flatnonzero(task.popularity > 0).astype(np.int32)
    if not len(catalogue):
        raise DataError("training has no action, so there is no item to draw.")
    found = np.zeros((len(task.relevant.item), k), np.bool_)
    start = 0
    scores = len(task.items)
    for block in blocks(task.requests, "ranking among sampled items", scores):
        relevant = task.relevant.rows(start, start + len(block))
        draws = rng.random((len(relevant.item), negatives + 1))
        rank = _ranks(model.scores(block), block, relevant, catalogue, draws)
        row = np.flatnonzero(rank < k)
        found[task.relevant.ptr[start] + row, rank[row]] = True
        start += len(block)
    return found


def _ranks(
    scores: Float32[np.ndarray, "b items"],
    requests: Requests,
    relevant: ItemSets,
    catalogue: Int32[np.ndarray, " seen"],
    draws: Float64[np.ndarray, "pairs draws"],
) -> Int64[np.ndarray, " pairs"]:
    """Return how many drawn items stand before each relevant one."""
    rank = np.empty(len(relevant.item), np.int64)
    history = requests.history
    over_rows(
        lambda a, b: _rank_rows(
            scores,
            history.ptr,
            history.node,
            relevant.ptr,
            relevant.item,
            catalogue,
            draws,
            rank,
            a,
            b,
        ),
        len(requests),
        grain=64,
    )
    return rank


@compiled
def _rank_rows(
    scores: np.ndarray,
    history_ptr: np.ndarray,
    history: np.ndarray,
    ptr: np.ndarray,
    item: np.ndarray,
    catalogue: np.ndarray,
    draws: np.ndarray,
    rank: np.ndarray,
    first: int,
    last: int,
) -> None:
    size = scores.shape[1]
    hidden = np.full(max(size, catalogue[-1] + 1), -1, np.int64)
    free = np.empty(catalogue.size, np.int32)
    taken = np.full(catalogue.size, -1, np.int64)
    for row in range(first, last):
        for e in range(history_ptr[row], history_ptr[row + 1]):
            if history[e] < hidden.size:
                hidden[history[e]] = row
        for e in range(ptr[row], ptr[row + 1]):
            if item[e] < hidden.size:
                hidden[item[e]] = row
        count = 0
        for i in catalogue:
            if hidden[i] != row:
                free[count] = i
                count += 1
        for e in range(ptr[row], ptr[row + 1]):
            own = scores[row, item[e]] if item[e] < size else -np.inf
            if own == -np.inf:
                rank[e] = np.iinfo(np.int64).max
                continue
            better, equal = 0, 0
            wanted = min(draws.shape[1] - 1, count)
            # Floyd's sampling: each step adds one item that is not yet taken.
            for n in range(wanted):
                top = count - wanted + n
                at = min(int(draws[e, n] * (top + 1)), top)
                if taken[at] == e:
                    at = top
                taken[at] = e
                other = scores[row, free[at]] if free[at] < size else -np.inf
                better += other > own
                equal += other == own
            rank[e] = better + int(draws[e, -1] * (equal + 1))
