"""Reciprocal rank fusion of several lists, with places that are kept for each."""

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from tidegraph.kernels.few import Few, are_few
from tidegraph.kernels.jit import compiled, over_rows_in
from tidegraph.kernels.topk import drain, push
from tidegraph.stages import NO_ITEM


def fused(
    lists: Int32[np.ndarray, "c b n"],
    quotas: Float64[np.ndarray, " c"],
    places: Int64[np.ndarray, " c"],
    smoothing: float,
    k: int,
    num_items: int,
) -> tuple[Int32[np.ndarray, "b k"], Float32[np.ndarray, "b k"]]:
    """Return the ``k`` items of each request and their scores, best first.

    Args:
        lists: Each channel's items in its order, each once, padded with ``NO_ITEM``.
        quotas: The weight of each channel.
        places: How many of each channel's first items are in the answer whatever
            their score; at most ``k`` together.
        smoothing: The larger, the less the first ranks stand out.
        k: Length of the answer; ties break on item number.
        num_items: Items are below this.
    """
    named = None
    if are_few(lists.size, num_items):
        named = Few.of(lists[lists < num_items])
        lists, num_items = named.places(lists), len(named)
    shape = (lists.shape[1], k)
    item = np.full(shape, NO_ITEM, np.int32)
    score = np.full(shape, -np.inf, np.float32)
    over_rows_in(
        lambda: np.full(num_items, -1, np.int32),
        lambda room, a, b: _fuse(
            room, lists, quotas, places, smoothing, item, score, a, b
        ),
        len(item),
        grain=128,
    )
    return item if named is None else named.at(item), score


def votes_for(
    item: Int32[np.ndarray, "b k"], lists: Int32[np.ndarray, "c b n"], num_items: int
) -> Float32[np.ndarray, "b k c"]:
    """Return one over the rank that each list gives each item, 0 where it has it not.

    Args:
        item: Items, each at most once per request.
        lists: Each channel's items in its order.
        num_items: Items of the lists are below this.
    """
    if are_few(item.size, num_items):
        named = Few.of(item[item < num_items])
        item, lists, num_items = named.places(item), named.places(lists), len(named)
    votes = np.zeros((*item.shape, len(lists)), np.float32)
    over_rows_in(
        lambda: np.full(num_items, -1, np.int32),
        lambda room, a, b: _votes(room, lists, item, votes, a, b),
        len(item),
        grain=128,
    )
    return votes


@compiled
def _fuse(
    slot: np.ndarray,
    lists: np.ndarray,
    quotas: np.ndarray,
    places: np.ndarray,
    smoothing: float,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    channels, _, width = lists.shape
    size = slot.size
    union = np.empty(channels * width, np.int32)
    fused = np.empty(channels * width)
    sure = np.empty(channels * width, np.bool_)
    for row in range(first, last):
        count = 0
        for c in range(channels):
            for r in range(width):
                i = lists[c, row, r]
                if i < 0 or i >= size:
                    continue
                if slot[i] < 0:
                    slot[i] = count
                    union[count] = i
                    fused[count] = 0
                    sure[count] = False
                    count += 1
                fused[slot[i]] += quotas[c] * (smoothing + 1) / (smoothing + r + 1)
                if r < places[c]:
                    sure[slot[i]] = True
        _choose(union[:count], fused, sure, item[row], score[row])
        for s in range(count):
            slot[union[s]] = -1


@compiled
def _choose(
    union: np.ndarray,
    fused: np.ndarray,
    sure: np.ndarray,
    item: np.ndarray,
    score: np.ndarray,
) -> None:
    """Fill a row with the sure items and the best others, by decreasing score."""
    kept = 0
    for s in range(union.size):
        kept += sure[s]
    others = np.empty(item.size - kept, np.int32)
    strength = np.empty(item.size - kept, np.float32)
    found = 0
    for s in range(union.size):
        if not sure[s] and others.size:
            value = float(np.float32(fused[s]))
            found = push(others, strength, found, union[s], value)
    total = 0
    for s in range(union.size):
        if sure[s]:
            value = float(np.float32(fused[s]))
            total = push(item, score, total, union[s], value)
    for t in range(found):
        total = push(item, score, total, others[t], float(strength[t]))
    drain(item, score, total)


@compiled
def _votes(
    place: np.ndarray,
    lists: np.ndarray,
    item: np.ndarray,
    votes: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Write one over the rank that each channel gave each item."""
    channels, _, width = lists.shape
    size = place.size
    for row in range(first, last):
        for p in range(item.shape[1]):
            if 0 <= item[row, p] < size:
                place[item[row, p]] = p
        for c in range(channels):
            for r in range(width):
                i = lists[c, row, r]
                if 0 <= i < size and place[i] >= 0:
                    votes[row, place[i], c] = np.float32(1) / np.float32(r + 1)
        for p in range(item.shape[1]):
            if 0 <= item[row, p] < size:
                place[item[row, p]] = -1
