"""What can be known to be wrong before anything is trained."""

import typing
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import polars as pl

from tidegraph.data.features import feature_names
from tidegraph.data.interactions import Interactions
from tidegraph.data.times.clocks import moment_text
from tidegraph.errors import ConfigError, DataError, LeakageError
from tidegraph.lazy import example_of
from tidegraph.ranking.network import Network
from tidegraph.stages import called


def check_order(train: Interactions, valid: Interactions) -> None:
    """Refuse a ``valid`` that begins before ``train`` ends.

    Raises:
        LeakageError: It does.
    """
    if len(train) and len(valid) and valid.time[0] <= train.time[-1]:
        begin = moment_text(int(valid.time[0]), valid.clock)
        end = moment_text(int(train.time[-1]), train.clock)
        raise LeakageError(
            f"valid begins at {begin}, but train ends at {end}: a moment in both would "
            "tell its own answers. Cut between two moments, as "
            "log.split(time=...) does; or, for parts of leave_last_out(), pass "
            "per_user=True."
        )


def check_order_per_user(train: Interactions, valid: Interactions) -> None:
    """Refuse a ``valid`` in which a user's event precedes one of theirs in ``train``.

    Raises:
        LeakageError: One does.
    """
    last = np.full(len(train.users), np.iinfo(np.int64).min)
    np.maximum.at(last, train.user, train.time)
    early = valid.time < last[valid.user]
    if early.any():
        row = int(early.argmax())
        when = moment_text(int(valid.time[row]), valid.clock)
        raise LeakageError(
            f"valid holds an event of user {train.users.ids[int(valid.user[row])]!r} "
            f"at {when}, and train a later one. Split as "
            "log.leave_last_out() does."
        )


def check_names(names: str | None, features: pl.DataFrame) -> None:
    """Refuse a column of names that is not there, or holds no names.

    Raises:
        DataError: It is not.
    """
    if names is None:
        return
    if names not in features.columns:
        raise DataError(
            f"names={names!r} is not an item feature. "
            f"{feature_names(features.columns, 'item')}"
        )
    if features[names].dtype.is_nested():
        raise DataError(
            f"names={names!r} is a column of {features[names].dtype}, and a name is "
            "one value. Choose a column of text."
        )


class StageWords(NamedTuple):
    """How the methods of a stage are spoken of.

    Attributes:
        answers: The method of what they fit.
        does: What each of them does.
        noun: What they are for.
    """

    answers: str
    does: str
    noun: str


STAGE_WORDS = {
    "retrieve": StageWords("retrieve", "retrieves", "retrieval"),
    "rank": StageWords("score", "ranks", "ranking"),
    "rerank": StageWords("rerank", "re-ranks", "re-ranking"),
}


def check_kind(methods: Iterable[object], stage: str) -> None:
    """Refuse a configuration whose fitted value lacks what a stage needs.

    Args:
        methods: The configurations of the stage.
        stage: ``retrieve``, ``rank`` or ``rerank``.

    Raises:
        ConfigError: One of them is of another stage.
    """
    for method in methods:
        fit = getattr(type(method), "fit", None)
        try:
            fitted = typing.get_type_hints(fit).get("return")
        except (NameError, TypeError, AttributeError):
            continue  # A method of one's own, which need not say what it returns.
        if fitted in (typing.Any, object):
            continue  # It says that it may return anything.
        wanted = STAGE_WORDS[stage].answers
        if isinstance(fitted, type) and not hasattr(fitted, wanted):
            raise ConfigError(
                f"pipeline {stage} has {called(method)}, which "
                f"{_what_method_is(method, fitted, stage)}."
            )


def _what_method_is(method: object, fitted: type, stage: str) -> str:
    """Return what a method does instead, and which one was probably meant."""
    for words in STAGE_WORDS.values():
        if hasattr(fitted, words.answers):
            # What retrieves and what re-ranks are told apart by what they fit alone.
            like = example_of(Network, called(method)) if stage == "rank" else ""
            noun = STAGE_WORDS[stage].noun
            return f"{words.does}; the {noun} method is {like}" if like else words.does
    wanted = STAGE_WORDS[stage].answers
    return f"is not made for it: what it fits has no {wanted}()"
