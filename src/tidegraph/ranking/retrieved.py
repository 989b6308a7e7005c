"""A retrieval method as a ranker: a line on its scores, pair by pair."""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from tidegraph.arguments import settings
from tidegraph.artifact.sealed import State
from tidegraph.fitting.labels import check_both_labels
from tidegraph.graph.events import events_of
from tidegraph.graph.join import without_events
from tidegraph.kernels.ragged import starts
from tidegraph.ranges import at_least
from tidegraph.ranking.logit import fit_logistic, sigmoid
from tidegraph.run import Run
from tidegraph.small_arrays import places_among
from tidegraph.stages import (
    Candidates,
    Checks,
    Examples,
    FittedRetriever,
    Fold,
    ItemSets,
    Requests,
    Retriever,
    Train,
    called,
    fit_in,
    without,
)
from tidegraph.stages.kinds import RETRIEVES, check_kind

BLOCK = 256
"""Requests that are scored together."""


@settings
class RetrieverLogit:
    """What a retrieval method says of a pair, as a probability.

    The method learns once, from what came before validation; afterwards it knows what
    it reads of a request's history. So ``RetrieverLogit(lightgcn())`` is LightGCN as a
    ranker as it was published, which does not move with time. The line is learnt on
    validation, which the method has not seen.

    Attributes:
        retriever: The method.
        l2: Penalty on the slope of the line over scores of deviation 1.
    """

    retriever: Retriever
    l2: float = 1e-4

    def __post_init__(self) -> None:
        check_kind("RetrieverLogit", (self.retriever,), RETRIEVES)
        at_least("RetrieverLogit", 0, l2=self.l2)

    @property
    def name(self) -> str:
        """What it is called where a pipeline says what it is made of."""
        return f"{called(self.retriever)}, a line on its scores"

    def check(self, train: Train) -> None:
        """Find out before any work what the method would fail in, where it can say."""
        if isinstance(self.retriever, Checks):
            self.retriever.check(train)

    def fit(
        self, train: Examples, valid: Examples, *, run: Run
    ) -> "FittedRetrieverLogit":
        """Fit the method on what happened before ``valid``, and a line on its scores.

        Args:
            train: Past requests, of which the graph alone is read.
            valid: Later ones; the line is fitted by what retrieval proposed of them.
            run: Where, and what draws.

        Raises:
            DataError: What retrieval proposed in ``valid`` has one label only, or
                nothing happened before it.
        """
        # Negatives that were drawn beside retrieval's answers are never asked about.
        there = valid.candidates.proposed
        label = valid.label[there]
        check_both_labels(label, "validation")
        graph = train.requests.graph.before(int(valid.requests.time.min()))
        fold = Fold.of(events_of(graph), self.name)
        fold = replace(fold, edges=without_events(graph))
        retriever = fit_in(self.retriever, fold, run)
        score, has = scores_of(retriever, valid.requests, valid.candidates)
        seen = score[has]
        mean, deviation = (seen.mean(), seen.std()) if len(seen) else (0.0, 0.0)
        scale = np.array([mean, deviation if deviation > 0 else 1.0], np.float64)
        inputs = _standardised_scores(score, has, scale)[there]
        line = fit_logistic(inputs, label, self.l2, valid.weights[there])
        return FittedRetrieverLogit(retriever, scale, line)


@dataclass(frozen=True, eq=False)
class FittedRetrieverLogit:
    """A fitted retrieval method, and the line on its scores.

    Attributes:
        retriever: The method.
        scale: Mean and deviation of its scores on validation.
        line: Weights of the score and of having one, and where the line starts.
    """

    retriever: FittedRetriever
    scale: Float64[np.ndarray, " 2"]
    line: Float64[np.ndarray, " 3"]

    def score(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k"]:
        """Return the probability of an action on each candidate; 0 where no item."""
        inputs = _standardised_scores(
            *scores_of(self.retriever, requests, candidates), self.scale
        )
        probability = sigmoid(
            inputs.astype(np.float64) @ self.line[:-1] + self.line[-1]
        )
        return np.where(candidates.present, probability, 0).astype(np.float32)

    def without_users(self, rows: Int32[np.ndarray, " n"]) -> "FittedRetrieverLogit":
        """Return the same without a trace of some users."""
        return replace(self, retriever=without(self.retriever, rows))

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="FittedRetrieverLogit",
            arrays={"scale": self.scale, "line": self.line},
            parts={"retriever": self.retriever.state()},
        )

    @classmethod
    def from_state(cls, state: State) -> "FittedRetrieverLogit":
        """Rebuild from what ``state`` returned."""
        retriever = cast(FittedRetriever, state.part("retriever", object))
        return cls(retriever, state.arrays["scale"], state.arrays["line"])


def scores_of(
    retriever: FittedRetriever, requests: Requests, candidates: Candidates
) -> tuple[Float32[np.ndarray, "b k"], Bool[np.ndarray, "b k"]]:
    """Return what a retriever says of each candidate, and where it says anything."""
    score = np.zeros(candidates.item.shape, np.float32)
    has = np.zeros(candidates.item.shape, np.bool_)
    for start in range(0, len(requests), BLOCK):
        some = slice(start, start + BLOCK)
        _fill_scores(
            retriever,
            requests.rows(start, min(start + BLOCK, len(requests))),
            candidates.item[some],
            (score[some], has[some]),
        )
    return score, has


def _fill_scores(
    retriever: FittedRetriever,
    requests: Requests,
    item: Int32[np.ndarray, "b k"],
    out: tuple[Float32[np.ndarray, "b k"], Bool[np.ndarray, "b k"]],
) -> None:
    there = item >= 0
    only = ItemSets(starts(there.sum(axis=1)), item[there])
    nothing = ItemSets.none(len(requests))
    asked = replace(requests, hidden=nothing).choosing(only)
    found = retriever.retrieve(asked, max(item.shape[1], 1))
    # A row of a request and an item, as one number.
    most = 1 + max(item.max(initial=0), found.item.max(initial=0))
    row = np.arange(len(item), dtype=np.int64)[:, None] * most
    given = found.present
    key, value = (row + found.item)[given], found.score[given]
    order = np.argsort(key)
    key, value = key[order], value[order]
    if not len(key):
        return
    wanted: Int64[np.ndarray, " n"] = (row + item)[there]
    place = places_among(key, wanted)
    score, has = out
    has[there] = place >= 0
    score[there] = np.where(has[there], value[place], 0)


def _standardised_scores(
    score: Float32[np.ndarray, "b k"],
    has: Bool[np.ndarray, "b k"],
    scale: Float64[np.ndarray, " 2"],
) -> Float32[np.ndarray, "b k 2"]:
    """Return the standardised score, 0 where there is none, and whether there is."""
    there = has.astype(np.float32)
    standard = (score - np.float32(scale[0])) / np.float32(scale[1]) * there
    return np.stack([standard, there], axis=2)
