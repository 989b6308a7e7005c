"""What can be known to be wrong before anything is trained."""

import typing
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl

from tidegraph.data.interactions import Interactions
from tidegraph.errors import ConfigError, DataError, LeakageError
from tidegraph.retrieval.from_log import FromLog
from tidegraph.retrieval.scoring.decay import check_half_life
from tidegraph.stages import Checks, Fold


@runtime_checkable
class Ages(Protocol):
    """A configuration that may count ages in half-lives."""

    @property
    def half_life_days(self) -> float | FromLog | None:
        """Age at which an event counts half."""
        ...


def check_before(stages: Iterable[object], train: Fold) -> None:
    """Let every configuration that can say what is wrong do so before the work."""
    for stage in stages:
        if isinstance(stage, Ages):
            check_half_life(stage.half_life_days, train, type(stage).__name__)
        if isinstance(stage, Checks):
            stage.check(train)


def check_order(train: Interactions, valid: Interactions) -> None:
    """Refuse a ``valid`` that begins before ``train`` ends.

    Raises:
        LeakageError: It does.
    """
    if len(train) and len(valid) and valid.time[0] <= train.time[-1]:
        raise LeakageError(
            f"valid begins at {valid.time[0]}, but train ends at {train.time[-1]}: a "
            "second in both would tell its own answers. Cut between two seconds, as "
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
        raise LeakageError(
            f"valid holds an event of user {train.users.ids[int(valid.user[row])]!r} "
            f"at {valid.time[row]}, and train a later one. Split as "
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
            f"There are: {', '.join(features.columns) or 'none'}."
        )
    if features[names].dtype.is_nested():
        raise DataError(
            f"names={names!r} is a column of {features[names].dtype}, and a name is "
            "one value. Choose a column of text."
        )


def check_kind(stages: Iterable[object], method: str, where: str) -> None:
    """Refuse a configuration whose fitted value lacks what a stage needs.

    Args:
        stages: The configurations of one stage.
        method: What their fitted values must have.
        where: Name of the stage.

    Raises:
        ConfigError: One of them is of another stage.
    """
    for stage in stages:
        fit = getattr(type(stage), "fit", None)
        try:
            fitted = typing.get_type_hints(fit).get("return")
        except (NameError, TypeError, AttributeError):
            continue  # A method of one's own, which need not say what it returns.
        if fitted in (typing.Any, object):
            continue  # It says that it may return anything.
        if isinstance(fitted, type) and not hasattr(fitted, method):
            raise ConfigError(
                f"pipeline {where} has {type(stage).__name__}, which is not made for "
                f"it: what it fits has no {method}(). See the catalogue of methods."
            )
