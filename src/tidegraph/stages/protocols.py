"""What a retriever, a ranker and a re-ranker do, before and after they are fitted."""

import inspect
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
from jaxtyping import Float32

from tidegraph.artifact.sealed import State
from tidegraph.run import Run
from tidegraph.stages.candidates import Candidates, Examples
from tidegraph.stages.fold import Fold, Train
from tidegraph.stages.requests import Requests

F = TypeVar("F", covariant=True)


@runtime_checkable
class Fits(Protocol[F]):
    """A method and its settings, which learns from a log and becomes an ``F``."""

    def fit(self, train: Train) -> F:
        """Learn from what a pipeline passes, a fold; ``Fold.of`` takes the rest too.

        One that trains may take ``run`` by keyword, and is told its circumstances.
        """
        ...


def fit_in(method: Fits[F], fold: Fold, run: Run | None) -> F:
    """Fit a method, in the circumstances of a run if it takes them."""
    fit = cast(Any, method.fit)
    if run is not None and "run" in inspect.signature(fit).parameters:
        return fit(fold, run=run)
    return fit(fold)


@runtime_checkable
class FittedRetriever(Protocol):
    """Finds hundreds of promising items among all."""

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return up to ``k`` items per request, best first, excluded ones left out.

        Only items seen in training are answered; rows have ``min(k, items)`` columns or
        fewer. Raises RequestError where ``k`` is below 1.
        """
        ...

    def state(self) -> State:
        """Return what a file needs to hold."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """A retrieval method and its settings."""

    def fit(self, train: Train) -> FittedRetriever:
        """Learn from a fold, a log or a matrix; see ``Fits``."""
        ...


@runtime_checkable
class FittedRanker(Protocol):
    """Says how probable an action is."""

    def score(
        self, requests: Requests, candidates: Candidates
    ) -> Float32[np.ndarray, "b k"]:
        """Return the probability of an action on each candidate; 0 where no item."""
        ...

    def state(self) -> State:
        """Return what a file needs to hold."""
        ...


@runtime_checkable
class Ranker(Protocol):
    """A ranking method and its settings."""

    def fit(self, train: Examples, valid: Examples, *, run: Run) -> FittedRanker:
        """Learn from past requests; ``valid`` decides when to stop."""
        ...


@runtime_checkable
class FittedReranker(Protocol):
    """Chooses the list as a whole."""

    def rerank(self, requests: Requests, candidates: Candidates, k: int) -> Candidates:
        """Return the list of ``k``, in the order to show, from ranked candidates."""
        ...

    def state(self) -> State:
        """Return what a file needs to hold."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """A re-ranking method and its settings."""

    def fit(self, train: Train) -> FittedReranker:
        """Learn what the list-wise criterion needs, such as item categories."""
        ...
