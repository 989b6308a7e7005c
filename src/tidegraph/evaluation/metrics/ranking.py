"""How good a ranked list is: hit rate, recall, precision, NDCG, MRR and MAP.

Every function takes the matrix of hits that ``hits`` finds and returns one number per
request; the mean over users is the metric of that name. Relevance is binary. A list
shorter than ``k`` counts as if misses filled it. A request with no relevant item has
no recall, NDCG or average precision: NaN, which means leave out.
"""

from collections.abc import Iterable
from typing import cast

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from tidegraph.arguments import whole
from tidegraph.arguments.conversion import shown
from tidegraph.errors import ConfigError, RequestError
from tidegraph.kernels.binary_search import lower_bound
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.stages import NO_ITEM, ItemSets
from tidegraph.stages.dcg import discounted_gains, ideal_discounted_gain


def hits(item: Int32[np.ndarray, "b k"], relevant: ItemSets) -> Bool[np.ndarray, "b k"]:
    """Return where a list names a relevant item for the first time.

    Args:
        item: Items in order of preference, ``NO_ITEM`` where a list is shorter.
        relevant: What counts as found; a second mention of it counts nothing.
    """
    found = np.zeros(item.shape, np.bool_)
    named = np.zeros(len(relevant.item), np.bool_)
    over_rows(
        lambda a, b: _mark_hits(item, relevant.ptr, relevant.item, named, found, a, b),
        len(item),
        grain=1024,
    )
    return found


@compiled
def _mark_hits(
    item: np.ndarray,
    ptr: np.ndarray,
    relevant: np.ndarray,
    named: np.ndarray,
    found: np.ndarray,
    first: int,
    last: int,
) -> None:
    for row in range(first, last):
        for place in range(item.shape[1]):
            low = lower_bound(relevant, ptr[row], ptr[row + 1], item[row, place])
            if low < ptr[row + 1] and relevant[low] == item[row, place]:
                found[row, place] = not named[low]
                named[low] = True


def hit_rate(hit: Bool[np.ndarray, "b n"], k: int) -> Float64[np.ndarray, " b"]:
    """Return 1 where the first ``k`` places hold a relevant item, else 0."""
    return (_hit_count(hit, k) > 0).astype(np.float64)


def recall(
    hit: Bool[np.ndarray, "b n"], count: Int64[np.ndarray, " b"], k: int
) -> Float64[np.ndarray, " b"]:
    """Return the share of the relevant items that the first ``k`` places hold.

    The divisor is the number of relevant items, not ``min(k, relevant)``: someone with
    more than ``k`` of them cannot reach 1.
    """
    return _ratio_or_nan(_hit_count(hit, k), count)


def precision(hit: Bool[np.ndarray, "b n"], k: int) -> Float64[np.ndarray, " b"]:
    """Return the share of ``k`` places that hold a relevant item.

    The divisor is ``k`` also where the list is shorter.
    """
    return _hit_count(hit, k).astype(np.float64) / k


def ndcg(
    hit: Bool[np.ndarray, "b n"], count: Int64[np.ndarray, " b"], k: int
) -> Float64[np.ndarray, " b"]:
    """Return the discounted gain of the first ``k`` places over the best possible.

    A hit at rank r gains 1 / log2(r + 1); the best list has its ``min(k, relevant)``
    hits first (see ``tidegraph.stages.dcg``).
    """
    top = hit[:, :k]
    return _ratio_or_nan(
        top @ discounted_gains(top.shape[1]), ideal_discounted_gain(count, k)
    )


def reciprocal_rank(hit: Bool[np.ndarray, "b n"], k: int) -> Float64[np.ndarray, " b"]:
    """Return one over the rank of the first hit, 0 if the first ``k`` have none."""
    top = hit[:, :k]
    return np.where(top.any(axis=1), 1 / (top.argmax(axis=1) + 1), 0.0)


def list_metrics(
    hit: Bool[np.ndarray, "b n"], count: Int64[np.ndarray, " b"], cuts: tuple[int, ...]
) -> dict[str, Float64[np.ndarray, " b"]]:
    """Return the seven metrics at every cutoff, named like ``ndcg@10``.

    Average precision is the precision at each hit, summed, over ``min(k, relevant)`` in
    ``map``, which is 1 of a perfect list of ``k``; and over the number of relevant
    items in ``map_n``, as trec_eval, ranx and RecTools have it.

    Args:
        hit: Where each list holds a relevant item.
        count: How many items are relevant to each request.
        cuts: Lengths of list to judge.
    """
    scores: dict[str, Float64[np.ndarray, " b"]] = {}
    for k in cuts:
        scores[f"hit@{k}"] = hit_rate(hit, k)
        scores[f"recall@{k}"] = recall(hit, count, k)
        scores[f"precision@{k}"] = precision(hit, k)
        scores[f"ndcg@{k}"] = ndcg(hit, count, k)
        scores[f"mrr@{k}"] = reciprocal_rank(hit, k)
        summed = _summed_precision(hit, k)
        scores[f"map@{k}"] = _ratio_or_nan(summed, np.minimum(count, k))
        scores[f"map_n@{k}"] = _ratio_or_nan(summed, count)
    return scores


def check_cutoffs(k: object) -> tuple[int, ...]:
    """Return the lengths of list in increasing order, each once.

    Args:
        k: One length, or several of any kind: a list, a set, an array, a series.

    Raises:
        ConfigError: There is none, or one is not a whole number of at least 1.
    """
    listed: list[object] = [k]
    if isinstance(k, Iterable) and not isinstance(k, str):
        listed = list(cast(Iterable[object], k))
    try:
        lengths = [whole(one, "k") for one in listed]
    except RequestError:
        lengths = []
    if not lengths or min(lengths) < 1:
        raise ConfigError(
            f"k is {shown(listed)}; give lengths of list of at least 1, e.g. (10,)."
        )
    return tuple(sorted(set(lengths)))


def padded(item: Int32[np.ndarray, "b n"], k: int) -> Int32[np.ndarray, "b k"]:
    """Return the first ``k`` columns, filled with ``NO_ITEM`` where there are fewer."""
    out = np.full((len(item), k), NO_ITEM, np.int32)
    width = min(k, item.shape[1])
    out[:, :width] = item[:, :width]
    return out


def _summed_precision(
    hit: Bool[np.ndarray, "b n"], k: int
) -> Float64[np.ndarray, " b"]:
    top = hit[:, :k]
    rank = np.arange(1, top.shape[1] + 1, dtype=np.float64)
    so_far = np.cumsum(top.astype(np.float64), axis=1)
    return (top * so_far / rank).sum(axis=1)


def _hit_count(hit: Bool[np.ndarray, "b n"], k: int) -> Int64[np.ndarray, " b"]:
    return np.count_nonzero(hit[:, :k], axis=1)


def _ratio_or_nan(
    part: Float64[np.ndarray, " b"] | Int64[np.ndarray, " b"],
    whole: Float64[np.ndarray, " b"] | Int64[np.ndarray, " b"],
) -> Float64[np.ndarray, " b"]:
    blank = np.full(len(part), np.nan)
    return np.divide(part, whole, out=blank, where=whole > 0)
