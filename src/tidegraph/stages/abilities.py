"""What a stage, or a fitted one, may be able to do besides its work."""

from collections.abc import Mapping
from typing import Protocol, TypeVar, cast, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int32

from tidegraph.graph.from_log import ACTION
from tidegraph.run import Curve
from tidegraph.stages.candidates import NO_ITEM, Examples
from tidegraph.stages.fold import Train
from tidegraph.stages.protocols import FittedRetriever
from tidegraph.stages.requests import Requests

R = TypeVar("R")


@runtime_checkable
class Checks(Protocol):
    """A configuration that can tell before the work what would fail in it."""

    def check(self, train: Train) -> None:
        """Raise what ``fit`` would raise for this log, as far as is known at once."""
        ...


@runtime_checkable
class Scores(Protocol):
    """A fitted retriever that can say what it thinks of every item."""

    def scores(self, requests: Requests) -> Float32[np.ndarray, "b items"]:
        """Return the score of each item, excluded ones too; ``-inf`` for no opinion."""
        ...


@runtime_checkable
class Trained(Protocol):
    """A fitted retriever or pipeline, which knows what its training saw."""

    @property
    def trained_until(self) -> int | None:
        """Time of the last event that training saw; None where there are no times."""
        ...


@runtime_checkable
class LearntInEpochs(Protocol):
    """A fitted stage that was trained epoch by epoch, and knows how it went."""

    @property
    def curve(self) -> Curve:
        """The loss of each epoch, and what validation found."""
        ...


def curve_of(fitted: object) -> Curve:
    """Return how the training of a fitted stage went; of one without, no epoch."""
    return fitted.curve if isinstance(fitted, LearntInEpochs) else Curve()


@runtime_checkable
class ChoseOnLog(Protocol):
    """A fitted stage that took settings from its log, which it was not given."""

    @property
    def chosen(self) -> Mapping[str, object]:
        """What it took, by setting."""
        ...


def chosen_by(fitted: object) -> Mapping[str, object]:
    """Return what a fitted stage took from its log, by setting."""
    return fitted.chosen if isinstance(fitted, ChoseOnLog) else {}


@runtime_checkable
class Explains(Protocol):
    """A fitted retriever that can say why it recommends."""

    @property
    def reason(self) -> str:
        """Why it recommends; ``{item}`` stands for the item ``because`` names."""
        ...

    def because(
        self, requests: Requests, item: Int32[np.ndarray, "b k"]
    ) -> Int32[np.ndarray, "b k"]:
        """Return the history item with the largest vote for each, -1 for none."""
        ...


def reason_of(retriever: FittedRetriever, channel: str) -> str:
    """Return why a retriever recommends; one that cannot say proposed it."""
    known = isinstance(retriever, Explains)
    return retriever.reason if known else f"proposed by {channel}"


def because_of(
    retriever: FittedRetriever, requests: Requests, item: Int32[np.ndarray, "b k"]
) -> Int32[np.ndarray, "b k"]:
    """Return the history item with the largest vote for each, -1 for none.

    A retriever that cannot explain names none.
    """
    if isinstance(retriever, Explains):
        return retriever.because(requests, item)
    return np.full(item.shape, NO_ITEM, np.int32)


@runtime_checkable
class AnswersLabel(Protocol):
    """A fitted ranker that may tell another label than that of its examples."""

    def right(self, examples: Examples) -> Float32[np.ndarray, "b k"]:
        """Return what is right by what it answers."""
        ...


def right_for(ranker: object, examples: Examples) -> Float32[np.ndarray, "b k"]:
    """Return the label of examples that a fitted ranker answers."""
    if isinstance(ranker, AnswersLabel):
        return ranker.right(examples)
    return examples.label


@runtime_checkable
class NamesFeatures(Protocol):
    """A ranker that says which features of a log it reads."""

    @property
    def features_read(self) -> frozenset[str]:
        """Their names, such as ``item.color``, a category among them."""
        ...


def features_read_by(ranker: object) -> frozenset[str]:
    """Return which features of a log a ranker reads; none if it does not say."""
    return ranker.features_read if isinstance(ranker, NamesFeatures) else frozenset()


@runtime_checkable
class SaysLabel(Protocol):
    """A ranker, or a fitted one, that may answer another label than actions."""

    @property
    def answers(self) -> str:
        """Whose probability the score is."""
        ...


def label_answered(ranker: object) -> str:
    """Return whose probability a ranker's score is: of actions, if it does not say."""
    return ranker.answers if isinstance(ranker, SaysLabel) else ACTION


@runtime_checkable
class HoldsUsers(Protocol):
    """A fitted stage that keeps what single users did, by their rows."""

    def without_users(self, rows: Int32[np.ndarray, " n"]) -> object:
        """Return the same without a trace of some users; rows it lacks change nothing.

        What the events of many users add up to, such as weights between items, stays.
        """
        ...


def without(stage: R, rows: Int32[np.ndarray, " n"]) -> R:
    """Return a stage without a trace of some users, if it keeps any.

    Rows below 0 are of nobody, and name no row from the end.
    """
    held = isinstance(stage, HoldsUsers)
    return cast(R, stage.without_users(rows[rows >= 0])) if held else stage
