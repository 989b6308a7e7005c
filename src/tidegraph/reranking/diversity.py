"""Lists that are relevant and varied: MMR and a determinantal point process.

Both choose greedily, one place after the other, and both start from relevance and
similarity. Relevance is the ranker's score scaled to 0 .. 1 between the worst and the
best candidate of the request, and never above that of an item ranked before, so that
the ranker's order is kept where diversity gives no reason against it; ties go to the
item ranked first. The answer keeps the ranker's scores.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from tidegraph.arguments import settings
from tidegraph.artifact.sealed import State
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.ranges import below_1, from_0_to_1
from tidegraph.reranking.similarity import (
    ItemEmbedding,
    Similarity,
    check_similarity,
    similarity,
)
from tidegraph.stages import Candidates, Requests, Train, check_k

_CELLS = 2**22  # Similarities held at once: 16 MiB.

Choose = Callable[
    [
        Float64[np.ndarray, "b n"],
        Float32[np.ndarray, "b n n"],
        Bool[np.ndarray, "b n"],
        Int64[np.ndarray, "b k"],
    ],
    None,
]
"""Writes the chosen places, from relevance, similarity and where there are items."""


@settings
class MMR:
    """Maximal marginal relevance: each place goes to what is good and new.

    The next item maximises (1 - diversity) * relevance - diversity * (its largest
    similarity to an item already chosen).

    Attributes:
        diversity: 0 keeps the ranker's order, 1 looks at similarity only.
        by: Item feature column whose values make items alike (lists by the share of
            values in common), or a vector per item.

    Source:
        Carbonell & Goldstein (1998), "The use of MMR, diversity-based reranking";
        their lambda is 1 - diversity.
    """

    diversity: float = 0.3
    by: str | ItemEmbedding = "category"

    def __post_init__(self) -> None:
        from_0_to_1("MMR", diversity=self.diversity)

    def check(self, train: Train) -> None:
        """Find out before any work whether items of a log can be compared.

        Raises:
            DataError: They have no such feature, or it is not categories.
        """
        check_similarity(train, self.by, "MMR")

    def fit(self, train: Train) -> "FittedMMR":
        """Learn how alike items are from their features.

        Raises:
            DataError: The items have no such feature, or it is not categories.
        """
        return FittedMMR(similarity(train, self.by, "MMR"), self.diversity)


@dataclass(frozen=True, eq=False)
class FittedMMR:
    """Re-ranks by maximal marginal relevance.

    Attributes:
        similarity: How alike items are.
        diversity: The weight of similarity against relevance.
    """

    similarity: Similarity
    diversity: float

    def rerank(self, requests: Requests, candidates: Candidates, k: int) -> Candidates:
        """Return the chosen ``k`` in order, with the ranker's scores."""
        return _rerank_in_blocks(
            candidates,
            k,
            self.similarity,
            lambda relevance, alike, present, order: over_rows(
                lambda a, b: _choose_by_mmr(
                    relevance, alike, present, self.diversity, order, a, b
                ),
                len(order),
                grain=8,
            ),
        )

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedMMR",
            settings={"diversity": self.diversity},
            parts={"similarity": self.similarity.state()},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedMMR":
        """Rebuild from what ``state`` returned."""
        return cls(
            cast(Similarity, state.part("similarity", object)),
            cast(float, state.settings["diversity"]),
        )


@settings
class DPP:
    """The likeliest list of a determinantal point process, found greedily.

    A list Y has probability proportional to det(L_Y), L = Diag(q) S Diag(q), with
    quality q = exp(relevance * (1 - diversity) / (2 * diversity)). So each place goes
    to the item that most increases
    (1 - diversity) * sum of relevance + diversity * log det(S_Y). Unlike MMR, an item
    is compared with all that was chosen together: two half-similar ones add up.

    Attributes:
        diversity: 0 keeps the ranker's order, 1 looks at similarity only.
        by: Item feature column whose values make items alike (lists by the share of
            values in common), or a vector per item.
        alike: Similarity of two different items that share everything.

    Source:
        Chen, Zhang & Zhou (2018), "Fast greedy MAP inference for determinantal point
        process to improve recommendation diversity", algorithm 1.

    Departs:
        S is the similarity times ``alike`` off the diagonal. At 1 a second item of a
        category would have probability 0, and the list would end after one of each.
    """

    diversity: float = 0.3
    by: str | ItemEmbedding = "category"
    alike: float = 0.9

    def __post_init__(self) -> None:
        from_0_to_1("DPP", diversity=self.diversity)
        below_1("DPP", alike=self.alike)

    def check(self, train: Train) -> None:
        """Find out before any work whether items of a log can be compared.

        Raises:
            DataError: They have no such feature, or it is not categories.
        """
        check_similarity(train, self.by, "DPP")

    def fit(self, train: Train) -> "FittedDPP":
        """Learn how alike items are from their features.

        Raises:
            DataError: The items have no such feature, or it is not categories.
        """
        return FittedDPP(similarity(train, self.by, "DPP"), self.diversity, self.alike)


@dataclass(frozen=True, eq=False)
class FittedDPP:
    """Re-ranks by greedy inference in a determinantal point process.

    Attributes:
        similarity: How alike items are.
        diversity: The weight of the determinant against relevance.
        alike: Similarity of two different items that share everything.
    """

    similarity: Similarity
    diversity: float
    alike: float

    def rerank(self, requests: Requests, candidates: Candidates, k: int) -> Candidates:
        """Return the chosen ``k`` in order, with the ranker's scores."""
        return _rerank_in_blocks(
            candidates,
            k,
            self.similarity,
            lambda relevance, alike, present, order: over_rows(
                lambda a, b: _choose_by_dpp(
                    relevance, alike, present, self.diversity, self.alike, order, a, b
                ),
                len(order),
                grain=8,
            ),
        )

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedDPP",
            settings={"diversity": self.diversity, "alike": self.alike},
            parts={"similarity": self.similarity.state()},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedDPP":
        """Rebuild from what ``state`` returned."""
        return cls(
            cast(Similarity, state.part("similarity", object)),
            cast(float, state.settings["diversity"]),
            cast(float, state.settings["alike"]),
        )


def relevance(candidates: Candidates) -> Float64[np.ndarray, "b n"]:
    """Return the scores scaled to 0 .. 1 in each request, never rising along a row.

    Where all scores are equal, all are 1; where there is no item, 0. A score of
    infinity is 1, whatever the others are; one that is no number or minus infinity, 0.
    """
    told = candidates.present & np.isfinite(candidates.score)
    score = np.where(told, candidates.score, 0).astype(np.float64)
    low = score.min(axis=1, where=told, initial=np.inf, keepdims=True)
    high = score.max(axis=1, where=told, initial=-np.inf, keepdims=True)
    varied = high > low
    span = np.where(varied, high, 1) - np.where(varied, low, 0)
    scaled = np.where(varied, (score - np.where(varied, low, 0)) / span, 1.0)
    pinned = candidates.present & np.isposinf(candidates.score)
    return np.minimum.accumulate(np.where(told, scaled, pinned), axis=1)


def _rerank_in_blocks(
    candidates: Candidates, k: int, alike: Similarity, choose: Choose
) -> Candidates:
    rows, width = candidates.item.shape
    order = np.zeros((rows, min(check_k(k), width)), np.int64)
    block = max(1, _CELLS // max(1, width * width))
    scaled, present = relevance(candidates), candidates.present
    for start in range(0, rows, block):
        some = slice(start, start + block)
        between = alike.between(candidates.item[some])
        choose(scaled[some], between, present[some], order[some])
    return candidates.reordered(order, candidates.score)


@compiled
def _choose_by_mmr(
    relevance: np.ndarray,
    similarity: np.ndarray,
    present: np.ndarray,
    diversity: float,
    order: np.ndarray,
    first: int,
    last: int,
) -> None:
    n = relevance.shape[1]
    value = np.empty(n)
    nearest = np.empty(n)
    free = np.empty(n, np.bool_)
    for row in range(first, last):
        free[:] = True
        nearest[:] = 0
        for place in range(order.shape[1]):
            for a in range(n):
                value[a] = (1 - diversity) * relevance[row, a] - diversity * nearest[a]
            pick = _best_free_place(value, free, present[row])
            order[row, place] = pick
            free[pick] = False
            for a in range(n):
                s = similarity[row, pick, a]
                nearest[a] = s if place == 0 else max(nearest[a], s)


@compiled
def _choose_by_dpp(
    relevance: np.ndarray,
    similarity: np.ndarray,
    present: np.ndarray,
    diversity: float,
    alike: float,
    order: np.ndarray,
    first: int,
    last: int,
) -> None:
    n, k = relevance.shape[1], order.shape[1]
    value = np.empty(n)
    left = np.empty(n)  # How much of each item the chosen ones do not explain.
    cholesky = np.empty((k, n))
    free = np.empty(n, np.bool_)
    for row in range(first, last):
        free[:] = True
        left[:] = 1
        for place in range(k):
            for a in range(n):
                gain = np.log(left[a])
                value[a] = (1 - diversity) * relevance[row, a] + diversity * gain
            pick = _best_free_place(value, free, present[row])
            order[row, place] = pick
            free[pick] = False
            new = cholesky[place]
            for a in range(n):
                new[a] = alike * similarity[row, pick, a]
            for before in range(place):
                x = cholesky[before, pick]
                for a in range(n):
                    new[a] -= x * cholesky[before, a]
            root = np.sqrt(left[pick])
            for a in range(n):
                new[a] /= root
                left[a] = max(left[a] - new[a] * new[a], 1e-12)


@compiled
def _best_free_place(value: np.ndarray, free: np.ndarray, present: np.ndarray) -> int:
    """Return the free place of the highest value; one without an item comes last."""
    pick, empty = -1, -1
    for a in range(value.size):
        if not free[a]:
            continue
        if not present[a]:
            empty = a if empty < 0 else empty
        elif pick < 0 or value[a] > value[pick]:
            pick = a
    return pick if pick >= 0 else empty
