"""What lists do to the catalogue: coverage, novelty, diversity, popularity bias.

``item`` is a block of lists, one per request, ``NO_ITEM`` where a list is shorter.
``popularity`` counts each item's actions in training.
"""

from typing import cast

import numpy as np
from jaxtyping import Float64, Int32, Int64, Shaped
from scipy import sparse

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.views.feature_column import (
    check_categories,
    feature_of_nodes,
    tags_of,
)
from tidegraph.kernels.ragged import starts
from tidegraph.stages import NO_ITEM


def exposure(
    item: Int32[np.ndarray, "b n"], num_items: int, k: int
) -> Int64[np.ndarray, " items"]:
    """Return how many lists hold each item among their first ``k``."""
    top = item[:, :k]
    return np.bincount(top[top != NO_ITEM], minlength=num_items)


def coverage(
    exposed: Int64[np.ndarray, " items"], popularity: Int64[np.ndarray, " items"]
) -> float:
    """Return the share of the items seen in training that some list holds."""
    known = popularity > 0
    return float((exposed[known] > 0).mean()) if known.any() else float("nan")


def gini(exposed: Int64[np.ndarray, " items"]) -> float:
    """Return how unequally exposure falls on items: 0 all alike, near 1 all on one.

    With exposures sorted increasingly, x_1 <= ... <= x_n,
    G = sum_i (2 i - n - 1) x_i / (n sum_i x_i).
    """
    ordered = np.sort(exposed)
    n, total = len(ordered), ordered.sum()
    if not total:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))


def lorenz(exposed: Int64[np.ndarray, " items"]) -> Float64[np.ndarray, " points"]:
    """Return the share of exposure that the least shown 0, 1 ... n items hold."""
    ordered = np.sort(exposed)
    held = np.concatenate([[0.0], np.cumsum(ordered)])
    return held / max(float(ordered.sum()), 1.0)


def mean_popularity(
    item: Int32[np.ndarray, "b n"], popularity: Int64[np.ndarray, " items"], k: int
) -> Float64[np.ndarray, " b"]:
    """Return the mean training count of each list's first ``k``; NaN if it is empty.

    Source:
        Yin et al. (2012), average recommendation popularity.
    """
    return _mean_over_lists(popularity.astype(np.float64), item[:, :k])


def popularity_lift(
    recommended: Float64[np.ndarray, " b"], own: Float64[np.ndarray, " b"]
) -> float:
    """Return how much more popular lists are than what their readers chose themselves.

    0 is as popular, 1 twice as popular. Users without history or list count nothing.

    Args:
        recommended: Mean popularity of the lists of each user.
        own: Mean popularity of the user's own history, NaN without one.

    Source:
        Abdollahpouri et al. (2019), delta GAP: (GAP_list - GAP_history) / GAP_history.
    """
    both = ~np.isnan(recommended) & ~np.isnan(own)
    if not both.any():
        return float("nan")
    return float(recommended[both].mean() / own[both].mean() - 1)


def novelty(
    item: Int32[np.ndarray, "b n"], popularity: Int64[np.ndarray, " items"], k: int
) -> Float64[np.ndarray, " b"]:
    """Return the mean of -log2 p(i) over each list's first ``k``; NaN if it is empty.

    p(i) is the item's share of all training actions; an item never seen counts as seen
    once.

    Source:
        Vargas & Castells (2011), self-information.
    """
    share = np.maximum(popularity, 1) / max(int(popularity.sum()), 1)
    return _mean_over_lists(-np.log2(share), item[:, :k])


def intra_list_diversity(
    item: Int32[np.ndarray, "b n"], vectors: sparse.csr_array, k: int
) -> Float64[np.ndarray, " b"]:
    """Return the mean of 1 - cosine over all pairs of each list's first ``k``.

    NaN for lists of fewer than two items. With unit vectors v the sum over pairs is
    (|sum v|^2 - sum |v|^2) / 2, so no pair is visited.

    Args:
        item: Lists of items.
        vectors: One row per item, of any length; a blank row is like no other.
        k: How many places of each list to look at.

    Source:
        Ziegler et al. (2005), intra-list similarity, as a mean and as a distance.
    """
    norm = np.sqrt(vectors.multiply(vectors).sum(axis=1))
    scale = np.divide(1.0, norm, out=np.zeros(len(norm)), where=norm > 0)
    unit = sparse.csr_array(sparse.diags_array(scale) @ vectors)
    top = item[:, :k]
    present = top != NO_ITEM
    size = present.sum(axis=1)
    ptr = starts(size)
    lists = sparse.csr_array(
        (np.ones(int(ptr[-1])), top[present], ptr), shape=(len(top), len(norm))
    )
    total = lists @ unit
    own = lists @ (norm > 0).astype(np.float64)
    pairs = size * (size - 1) / 2
    alike = (total.multiply(total).sum(axis=1) - own) / 2
    blank = np.full(len(top), np.nan)
    return 1 - np.divide(alike, pairs, out=blank, where=pairs > 0)


def feature_vectors(items: Vocabulary, column: str) -> sparse.csr_array:
    """Return a 0/1 row per item with a column per value of one of its features.

    A list of values gives several ones; a missing value gives a blank row.

    Raises:
        DataError: Items have no such feature, or its values are not categories.
    """
    called = f"by={column!r}"
    values = feature_of_nodes(items, column, "item", called, several=True)
    check_categories(values, called)
    row, tag = tags_of(values)
    shape = len(items), int(tag.max(initial=0)) + 1
    ones = np.ones(len(tag))
    return cast(sparse.csr_array, sparse.coo_array((ones, (row, tag)), shape).tocsr())


def _mean_over_lists(
    value: Float64[np.ndarray, " items"], top: Shaped[np.ndarray, "b k"]
) -> Float64[np.ndarray, " b"]:
    """Return the mean of a per-item number over the items of each list."""
    present = top != NO_ITEM
    total = np.where(present, value[np.where(present, top, 0)], 0.0).sum(axis=1)
    size = present.sum(axis=1)
    return np.divide(total, size, out=np.full(len(top), np.nan), where=size > 0)
