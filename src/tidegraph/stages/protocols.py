"""What a retriever, a ranker and a re-ranker do, before and after they are fitted."""

import inspect
from collections.abc import Hashable
from dataclasses import dataclass, field
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
    """Fit a method, in the circumstances of a run if it takes them.

    What is fitted is a view of the fold: a method of the same settings, in
    circumstances that give the same bits, is fitted on it once. That goes for frozen
    dataclasses, whose settings cannot have changed since.
    """
    if run is not None and "run" not in inspect.signature(method.fit).parameters:
        run = None
    if not _is_frozen(method):
        return _fit_method(fold, method, _Same(run, None))
    return fold.view(_fit_method, method, _Same(run, run and run.key))


@dataclass(frozen=True)
class _Same:
    """A run as far as it changes what is learnt."""

    run: Run | None = field(compare=False)
    key: Hashable


def _fit_method(fold: Fold, method: Fits[F], given: _Same) -> F:
    fit = cast(Any, method.fit)
    return fit(fold) if given.run is None else fit(fold, run=given.run)


def _is_frozen(method: object) -> bool:
    kind = getattr(type(method), "__dataclass_params__", None)
    try:
        hash(method)
    except TypeError:
        return False
    return kind is not None and kind.frozen


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
