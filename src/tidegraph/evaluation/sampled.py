"""The sampled protocol: each relevant item among a few drawn ones.

Its numbers are larger than those of the full ranking and may order models differently
(Krichene & Rendle, 2020); it is here for comparison with papers that used it, and every
table says so.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from tidegraph.errors import ConfigError, DataError, type_of
from tidegraph.evaluation.answers import request_blocks
from tidegraph.evaluation.protocol import Task
from tidegraph.kernels.jit import compiled, inlined, over_rows
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
    for block in request_blocks(task.requests, "ranking among sampled items", scores):
        relevant = task.relevant.rows(start, start + len(block))
        draws = rng.random((len(relevant.item), negatives + 1))
        rank = _ranks_among_drawn(
            model.scores(block), block, relevant, catalogue, draws
        )
        row = np.flatnonzero(rank < k)
        found[task.relevant.ptr[start] + row, rank[row]] = True
        start += len(block)
    return found


@runtime_checkable
class HasChannels(Protocol):
    """A fitted pipeline, each retrieval channel of which can be judged alone."""

    def channels(self) -> Mapping[str, object]:
        """Return each by its name."""
        ...


def with_scores(name: str, model: object) -> Scores:
    """Return a model that has scores of items that it does not list, unlike a pipeline.

    Raises:
        ConfigError: It has none.
    """
    if isinstance(model, Scores):
        return model
    way = "Judge a retriever"
    if isinstance(model, HasChannels):
        channel = next(iter(model.channels()))
        way = f"Judge a channel of it, such as model.channels()[{channel!r}]"
    raise ConfigError(
        f"{name!r} is {type_of(model)}, which has no scores(requests) of every "
        f"item, so a drawn one has no rank. {way}, or pass it to tg.evaluate, which "
        "ranks all items."
    )


def _ranks_among_drawn(
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
    hidden = np.full(max(scores.shape[1], catalogue[-1] + 1), -1, np.int64)
    free = np.empty(catalogue.size, np.int32)
    taken = np.full(catalogue.size, -1, np.int64)
    for row in range(first, last):
        _exclude_items(hidden, row, history, history_ptr[row], history_ptr[row + 1])
        _exclude_items(hidden, row, item, ptr[row], ptr[row + 1])
        count = 0
        for i in catalogue:
            if hidden[i] != row:
                free[count] = i
                count += 1
        for e in range(ptr[row], ptr[row + 1]):
            own = _score_or_lowest(scores[row], item[e])
            if own == -np.inf:
                rank[e] = np.iinfo(np.int64).max
                continue
            better, equal = 0, 0
            wanted = min(draws.shape[1] - 1, count)
            for n in range(wanted):
                at = _draw_without_replacement(
                    draws[e, n], count - wanted + n, taken, e
                )
                other = _score_or_lowest(scores[row], free[at])
                better += other > own
                equal += other == own
            rank[e] = better + int(draws[e, -1] * (equal + 1))


@inlined
def _exclude_items(
    hidden: np.ndarray, row: int, item: np.ndarray, first: int, last: int
) -> None:
    """Note that some items are none to be drawn for a row."""
    for e in range(first, last):
        if item[e] < hidden.size:
            hidden[item[e]] = row


@inlined
def _score_or_lowest(scores: np.ndarray, item: int) -> float:
    """Return an item's score; that of one that is not scored is below all."""
    return scores[item] if item < scores.size else -np.inf


@inlined
def _draw_without_replacement(
    drawn: float, top: int, taken: np.ndarray, mark: int
) -> int:
    """Return one of the first ``top`` + 1 that is not taken, and take it (Floyd)."""
    at = min(int(drawn * (top + 1)), top)
    if taken[at] == mark:
        at = top
    taken[at] = mark
    return at
