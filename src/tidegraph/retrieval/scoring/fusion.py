"""Several lists as one, with places that are kept for each."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from tidegraph.kernels.distinct_numbers import Few, are_few
from tidegraph.kernels.jit import compiled, over_rows_in
from tidegraph.kernels.topk import offer_to_heap, sort_heap
from tidegraph.stages import NO_ITEM, Candidates

By = Literal["ranks", "scores"]
"""What of a list counts."""

FILLS = 1e-15
"""What a channel of no weight counts, so that it fills up in its order."""


def kept_places(
    quotas: Float64[np.ndarray, " c"], at_least: float, k: int
) -> Int64[np.ndarray, " c"]:
    """Return how many of ``k`` places each channel is sure of.

    Args:
        quotas: The weight of each, adding up to 1.
        at_least: How much of its quota of places that is, rounded up as far as there
            are places.
        k: Length of the list.
    """
    wanted = at_least * quotas * k
    places = np.ceil(wanted - 1e-9).astype(np.int64)
    while places.sum() > k:
        places[(places - wanted).argmax()] -= 1
    return places


def stack_lists(answers: Sequence[Candidates]) -> Int32[np.ndarray, "c b n"]:
    """Return the items of each answer, padded to the widest."""
    return _stacked_lists([answer.item for answer in answers], np.int32(NO_ITEM))


def stack_scores(answers: Sequence[Candidates]) -> Float32[np.ndarray, "c b n"]:
    """Return the scores of each answer, padded to the widest."""
    return _stacked_lists([answer.score for answer in answers], np.float32(-np.inf))


def _stacked_lists(parts: Sequence[np.ndarray], blank: np.generic) -> np.ndarray:
    width = max(part.shape[1] for part in parts)
    whole = np.full((len(parts), len(parts[0]), width), blank)
    for part, row in zip(parts, whole, strict=True):
        row[:, : part.shape[1]] = part
    return whole


def standardised_lead(
    score: Float32[np.ndarray, "c b n"],
) -> Float64[np.ndarray, "c b n"]:
    """Return how far each score is above the last of its list, in standard deviations.

    A list of equal scores says nothing of its order, so each of its items gets 1, and
    the last of any other list a little more than 0, as it was found. What is padded is
    0.
    """
    present = np.isfinite(score)
    known = np.where(present, score, 0).astype(np.float64)
    count = np.maximum(present.sum(axis=2, keepdims=True), 1)
    mean = known.sum(axis=2, keepdims=True) / count
    spread = np.where(present, (known - mean) ** 2, 0).sum(axis=2, keepdims=True)
    spread = np.sqrt(spread / count)
    last = np.where(present, known, np.inf).min(axis=2, keepdims=True, initial=np.inf)
    last = np.where(np.isfinite(last), last, 0)
    flat = spread <= 1e-7 * np.maximum(np.abs(mean), 1e-30)
    above = np.where(flat, 1, (known - last) / np.where(flat, 1, spread))
    return np.where(present, np.maximum(above, 1e-9), 0)


def rank_gains(
    answers: Sequence[Candidates],
    lists: Int32[np.ndarray, "c b n"],
    by: By,
    smoothing: float,
) -> Float64[np.ndarray, "c b n"]:
    """Return what each place of ``lists``, of the answers, adds to its item.

    By ranks that is (smoothing + 1) / (smoothing + rank).
    """
    if by == "scores":
        return standardised_lead(stack_scores(answers))
    rank = np.arange(1, lists.shape[2] + 1, dtype=np.float64)
    return np.broadcast_to((smoothing + 1) / (smoothing + rank), lists.shape)


def fuse(
    lists: Int32[np.ndarray, "c b n"],
    gain: Float64[np.ndarray, "c b n"],
    places: Int64[np.ndarray, " c"],
    k: int,
    num_items: int,
) -> tuple[Int32[np.ndarray, "b k"], Float32[np.ndarray, "b k"]]:
    """Return the ``k`` items of each request and their scores, best first.

    Args:
        lists: Each channel's items in its order, each once, padded with ``NO_ITEM``.
        gain: What each place of each list adds to the score of its item.
        places: How many of each channel's first items are in the answer whatever
            their score; at most ``k`` together.
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
        lambda room, a, b: _fuse_lists(room, lists, gain, places, item, score, a, b),
        len(item),
        grain=128,
    )
    return item if named is None else named.at(item), score


def reciprocal_ranks(
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
        lambda room, a, b: _write_votes(room, lists, item, votes, a, b),
        len(item),
        grain=128,
    )
    return votes


@compiled
def _fuse_lists(
    slot: np.ndarray,
    lists: np.ndarray,
    gain: np.ndarray,
    places: np.ndarray,
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
                fused[slot[i]] += gain[c, row, r]
                if r < places[c]:
                    sure[slot[i]] = True
        _choose_items(union[:count], fused, sure, item[row], score[row])
        for s in range(count):
            slot[union[s]] = -1


@compiled
def _choose_items(
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
            found = offer_to_heap(others, strength, found, union[s], value)
    total = 0
    for s in range(union.size):
        if sure[s]:
            value = float(np.float32(fused[s]))
            total = offer_to_heap(item, score, total, union[s], value)
    for t in range(found):
        total = offer_to_heap(item, score, total, others[t], float(strength[t]))
    sort_heap(item, score, total)


@compiled
def _write_votes(
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
