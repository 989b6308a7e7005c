"""The calls of a pipeline, as requests to the stages."""

import warnings
from typing import Any, cast

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.arguments import shown
from tidegraph.data.ids.identity import series
from tidegraph.data.ids.unknown import (
    first_few,
    known_rows,
    outside,
    said_of,
    warn_unknown,
)
from tidegraph.data.ids.vocabulary import UNKNOWN
from tidegraph.data.split import second_of
from tidegraph.errors import (
    DataError,
    LeakageError,
    NoAnswerWarning,
    NoHistoryWarning,
    RequestError,
)
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.histories import Histories
from tidegraph.stages import ItemSets, Requests, check_k

_AS_UNKNOWN = "answered as a user without history"


def length_of(k: object, items: int) -> int:
    """Return a length that a list can have.

    Raises:
        RequestError: It is none, or longer than the catalogue.
    """
    length = check_k(k)
    if length > items:
        raise RequestError(
            f"k is {length}, but the catalogue has {items} items. Ask for fewer."
        )
    return length


def clock_of(at: object, graph: Snapshot, trained_until: int) -> int:
    """Return the time of a request, by default just after the last event.

    Raises:
        RequestError: ``at`` is not a time.
        LeakageError: ``at`` is not later than what training saw.
    """
    if at is None:
        return graph.latest + 1
    try:
        second = second_of(at, "at")
    except DataError as error:
        raise RequestError(str(error)) from None
    if second <= trained_until:
        raise LeakageError(
            f"at={shown(at)} is not after {trained_until}, the last event that "
            "training saw: the answer would know its own future. "
            "Train on the log before that time."
        )
    return second


def one_user(user: object) -> pl.Series:
    """Return the id of one user as a column of one.

    Raises:
        RequestError: It is a list.
    """
    several = isinstance(user, list | tuple | set | np.ndarray | pl.Series)
    if several and getattr(cast(object, user), "ndim", 1) > 0:
        raise RequestError(
            f"recommend answers one user, not a {type(cast(object, user)).__name__}. "
            "Pass a list of users to recommend_all."
        )
    return series([cast(object, user)], "user")


def of_users(
    ids: pl.Series, graph: Snapshot, time: int, at: object = None, *, repeat: bool
) -> Requests:
    """Return a request of each user.

    Those that are not known are warned of, and so are those without a history.

    Args:
        ids: Raw ids.
        graph: All events.
        time: The time of the requests.
        at: As the caller wrote it; none if it was left out.
        repeat: May items of the history be recommended again?
    """
    rows = known_rows(graph.users, ids, "user", _AS_UNKNOWN)
    requests = Requests.of_users(
        graph, rows, np.full(len(rows), time, np.int64), repeat=repeat
    )
    silent = (rows != UNKNOWN) & (np.diff(requests.history.ptr) == 0)
    if silent.any():
        _warn_without_history(ids.filter(silent), at)
    return requests


def _warn_without_history(users: pl.Series, at: object) -> None:
    nothing = f"no interactions{_before(at)}"
    said = said_of("user", users, f"has {nothing}", f"have {nothing}", _AS_UNKNOWN)
    warnings.warn(said, NoHistoryWarning, stacklevel=outside())


def _before(at: object) -> str:
    return "" if at is None else f" before at={shown(at)}"


def of_history(history: Any, graph: Snapshot, time: int, *, repeat: bool) -> Requests:
    """Return the one request of a user with this history.

    Raises:
        RequestError: The history is empty, or no item of it is known.
    """
    ids = series(history, "history")
    if not len(ids):
        raise RequestError("the history is empty. Name at least one item.")
    rows = graph.items.encode(ids)
    if (rows != UNKNOWN).any():
        warn_unknown("item", ids.filter(rows == UNKNOWN), "passed over")
    known: Int32[np.ndarray, " n"] = rows[rows != UNKNOWN]
    if not len(known):
        raise RequestError(
            f"no item of the history is known, beginning with {ids[0]!r}. "
            "Name items of the training log."
        )
    past = Histories(
        np.array([0, len(known)], np.int64),
        known,
        np.full(len(known), time - 1, np.int64),
        np.ones(len(known), np.float32),
    )
    nobody, clock = np.array([UNKNOWN], np.int32), np.full(1, time, np.int64)
    requests = Requests(graph, nobody, clock, past, ItemSets.none(1))
    return requests if repeat else requests.without_history()


def warn_of_unanswered(users: pl.Series, total: int, fallback: str | None) -> None:
    """Warn of users for whom there is nothing, naming up to three of them.

    Args:
        users: Those who have no list.
        total: How many were asked about.
        fallback: Who answers everybody, so that all items were excluded; or nobody.
    """
    if not len(users):
        return
    why = "no channel has an item for them"
    mend = "Give the pipeline fallback=Popular() to answer everybody."
    if fallback is not None:
        why, mend = "every item is excluded for them", "Name fewer, or more in only=."
    warnings.warn(
        f"{len(users):,} of {total:,} users have no row, since {why} "
        f"({first_few(users)}). {mend}",
        NoAnswerWarning,
        stacklevel=outside(),
    )


def nothing_for(user: object, requests: Requests, at: object) -> str:
    """Return why one request has no answer, and what to do."""
    if user is not None and not len(requests.history.node):
        known = int(requests.user[0]) != UNKNOWN
        what = f"has no interactions{_before(at)}" if known else "is not known"
        return (
            f"user {user!r} {what} and no channel answers an unknown user. "
            "Pass a history, or give the pipeline fallback=Popular()."
        )
    return "nothing is left to recommend: every candidate is excluded."
