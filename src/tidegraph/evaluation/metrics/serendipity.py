"""Serendipity: what a list finds that the most popular items would not have found."""

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.stages import ItemSets

NEVER = np.iinfo(np.int64).max
"""The place of an item that popularity would never list."""


def popular_places(
    item: Int32[np.ndarray, "b n"],
    hit: Bool[np.ndarray, "b n"],
    popularity: Int64[np.ndarray, " items"],
    excluded: ItemSets,
) -> Int64[np.ndarray, "b n"]:
    """Return at which place, from 1, the popularity list of a request has each hit.

    That list holds the items of training by falling count, of equally popular ones the
    earlier rows first, without what the request excludes. ``NEVER`` for an item that
    training does not hold, and where there is no hit.

    Args:
        item: Items in order of preference.
        hit: Where they are relevant.
        popularity: How many training actions each item has.
        excluded: What must not be answered, per request.
    """
    order = np.argsort(-popularity, kind="stable")
    place = np.empty(len(popularity), np.int64)
    place[order] = np.arange(1, len(order) + 1)
    place[popularity == 0] = NEVER
    out = np.full(item.shape, NEVER, np.int64)
    over_rows(
        lambda a, b: _write_places(
            item, hit, place, excluded.ptr, excluded.item, out, a, b
        ),
        len(item),
        grain=256,
    )
    return out


@compiled
def _write_places(
    item: np.ndarray,
    hit: np.ndarray,
    place: np.ndarray,
    ptr: np.ndarray,
    excluded: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    owner = np.full(place.size, -1, np.int64)
    for row in range(first, last):
        for n in range(item.shape[1]):
            if not hit[row, n]:
                continue
            own = place[item[row, n]]
            if own == NEVER:
                continue
            before = 0
            # Each excluded item once, though a history may name it often.
            for e in range(ptr[row], ptr[row + 1]):
                other = excluded[e]
                mark = row * item.shape[1] + n
                if other < place.size and owner[other] != mark:
                    owner[other] = mark
                    before += place[other] < own
            out[row, n] = own - before


def serendipity(
    hit: Bool[np.ndarray, "b n"], place: Int64[np.ndarray, "b n"], k: int
) -> Float64[np.ndarray, " b"]:
    """Return the share of ``k`` places with a hit that popularity would not list.

    A hit counts if it is not among the ``k`` most popular items that the request
    allows.

    Args:
        hit: Where a list holds a relevant item.
        place: What ``popular_places`` returned.
        k: How many places to look at.

    Source:
        Ge, Delgado-Battenfeld & Jannach (2010), equation 3, with popularity as the
        primitive recommender and relevance as usefulness.
    """
    surprising = hit[:, :k] & (place[:, :k] > k)
    return surprising.sum(axis=1) / k
