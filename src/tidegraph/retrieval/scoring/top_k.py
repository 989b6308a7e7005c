"""The best k of a block of scores, excluded items left out."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float32, Int32

from tidegraph.kernels.distinct_numbers import Few
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.topk import offer_to_heap, sort_heap
from tidegraph.stages import NO_ITEM, Candidates, ItemSets, Requests, check_k

Columns = Int32[np.ndarray, " some"] | None
"""Rising items to be scored; all if none."""
SCATTERED = 8
"""Scores in line that take as long as one here and one there."""


def top_k(
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
        lambda a, b: _top_k_rows(
            scores, excluded.ptr, excluded.item, item, score, a, b
        ),
        len(scores),
        grain=16,
    )
    return Candidates.of_channel(item, score, channel)


def count_scored(requests: Requests, items: int) -> int:
    """Return how many of so many items are scored: those chosen from if they are few.

    Args:
        requests: What may be answered.
        items: How many items there are.
    """
    only = requests.only
    if only is None or len(only.item) * SCATTERED > items * len(requests):
        return items
    return len(Few.of(only.item))


def best_allowed(
    scores: Callable[[Columns], Float32[np.ndarray, "b some"]],
    requests: Requests,
    items: int,
    k: int,
    channel: str,
) -> Candidates:
    """Return the ``k`` highest scores of the items that each request may be answered.

    Of requests that choose among few items only those are scored.

    Args:
        scores: Returns a row for each request, with a column for each of some items.
        requests: What may be answered.
        items: How many items there are.
        k: Length of the list.
        channel: Whose answer it is.
    """
    choice = None
    if count_scored(requests, items) < items:
        choice = requests.choice(items)
    if choice is None:
        return top_k(scores(None), requests.excluded, k, channel)
    found = top_k(scores(choice.item), choice.excluded, k, channel)
    return replace(found, item=choice.at(found.item))


def mask_zero_scores(
    scores: Float32[np.ndarray, "b items"], linked: Bool[np.ndarray, " items"]
) -> None:
    """Write ``-inf`` where a score is 0, or the item has no event."""
    over_rows(lambda a, b: _mask_unlinked(scores, linked, a, b), len(scores), grain=8)


@compiled
def _mask_unlinked(
    scores: np.ndarray, linked: np.ndarray, first: int, last: int
) -> None:
    for row in range(first, last):
        own = scores[row]
        for i in range(own.size):
            if own[i] == 0 or not linked[i]:
                own[i] = -np.inf


@compiled
def _top_k_rows(
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
        own, kept, worth = scores[row], item[row], score[row]
        found = 0
        for i in range(hidden.size):
            if own[i] > -np.inf and not hidden[i]:
                found = offer_to_heap(kept, worth, found, i, own[i])
        sort_heap(kept, worth, found)
        for e in range(ptr[row], ptr[row + 1]):
            if 0 <= out[e] < hidden.size:
                hidden[out[e]] = False


@compiled
def keep_larger_votes(
    row: np.ndarray,
    voter: np.ndarray,
    vote: np.ndarray,
    out: np.ndarray,
    most: np.ndarray,
) -> None:
    """Write who gives each place of a row the largest vote, if it is above ``most``.

    Args:
        row: The row of each voter.
        voter: Who votes; of equals the first is kept.
        vote: What each gives each place of its row.
        out: Who gave each place the most so far; written.
        most: How much that was; written.
    """
    for n in range(row.size):
        for place in range(vote.shape[1]):
            if vote[n, place] > most[row[n], place]:
                out[row[n], place] = voter[n]
                most[row[n], place] = vote[n, place]


Ranked = tuple[np.ndarray, np.ndarray, np.ndarray]
Hidden = tuple[np.ndarray, np.ndarray]


def first_visible(
    order: Int32[np.ndarray, " scored"],
    place: Int32[np.ndarray, " items"],
    popularity: Float32[np.ndarray, " items"],
    hidden: ItemSets,
    width: int,
    channel: str,
) -> Candidates:
    """Return the first items of an order that a request does not hide.

    Args:
        order: Items, best first.
        place: The place of each item in it; behind it where it has none.
        popularity: What each item scores.
        hidden: Items to leave out, per request.
        width: Length of the list.
        channel: The method's name.
    """
    item = np.full((len(hidden), width), NO_ITEM, np.int32)
    score = np.full(item.shape, -np.inf, np.float32)
    over_rows(
        lambda a, b: _write_first_visible(
            (order, place, popularity), (hidden.ptr, hidden.item), item, score, a, b
        ),
        len(hidden),
    )
    return Candidates.of_channel(item, score, channel)


@compiled
def _write_first_visible(
    ranked: Ranked,
    hidden: Hidden,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Write the first items of an order that are not hidden, and their scores."""
    # Room for all items is worth it where as many are to be hidden.
    if ranked[1].size <= hidden[0][last] - hidden[0][first]:
        _first_by_item(ranked, hidden, item, score, first, last)
    else:
        _first_by_place(ranked, hidden, item, score, first, last)


@compiled
def _first_by_item(
    ranked: Ranked,
    hidden: Hidden,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    order, place, popularity = ranked
    ptr, hidden_item = hidden
    hidden_by = np.full(place.size, -1, np.int64)
    for request in range(first, last):
        for e in range(ptr[request], ptr[request + 1]):
            # Later items than training's have no place.
            if 0 <= hidden_item[e] < hidden_by.size:
                hidden_by[hidden_item[e]] = request
        found = 0
        for i in order:
            if found == item.shape[1]:
                break
            if hidden_by[i] != request:
                item[request, found] = i
                score[request, found] = popularity[i]
                found += 1


@compiled
def _first_by_place(
    ranked: Ranked,
    hidden: Hidden,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    order, place, popularity = ranked
    ptr, hidden_item = hidden
    width, longest = item.shape[1], 0
    for request in range(first, last):
        longest = max(longest, ptr[request + 1] - ptr[request])
    # No more places than these are looked at; one behind them stands for the rest.
    behind = width + longest
    hidden_by = np.full(behind + 1, -1, np.int64)
    for request in range(first, last):
        for e in range(ptr[request], ptr[request + 1]):
            if 0 <= hidden_item[e] < place.size:
                hidden_by[min(place[hidden_item[e]], behind)] = request
        found = 0
        for at, i in enumerate(order[:behind]):
            if found == width:
                break
            if hidden_by[at] != request:
                item[request, found] = i
                score[request, found] = popularity[i]
                found += 1
