"""The calls of a pipeline, as requests to the stages."""

import warnings
from datetime import date
from typing import Any, cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32

from tidegraph.arguments import LEFT_OUT
from tidegraph.arguments.conversion import shown
from tidegraph.data.ids.identity import series
from tidegraph.data.ids.unknown import (
    first_few,
    known_rows,
    outside,
    said_of,
    warn_unknown,
)
from tidegraph.data.ids.vocabulary import UNKNOWN
from tidegraph.data.split import position_of, second_of
from tidegraph.data.times.clocks import moment_text
from tidegraph.errors import (
    DataError,
    LeakageError,
    NoAnswerWarning,
    NoHistoryWarning,
    RequestError,
    UnknownIdWarning,
    type_of,
)
from tidegraph.graph.from_log import IMPRESSION, USER
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.histories import Histories
from tidegraph.kernels.ragged import starts_where
from tidegraph.pipeline.filters import Filters
from tidegraph.pipeline.serving import Serving
from tidegraph.stages import ItemSets, Requests, check_k

_MOMENTS = (str, date, np.datetime64)
_AS_UNKNOWN = "answered as a user without history"
_UNNAMED = (
    "only= names other users and no item for them",
    "Name items for them, or leave only= out.",
)
_SHOWN_ALONE = "impressions and no action"
_NEW_ALONE = "interactions with items alone that training did not know"


def list_length(k: object, items: int) -> int:
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


def request_clock(at: object, graph: Snapshot, serving: Serving) -> int:
    """Return the time of a request, by default just after the last event.

    That of training counts, too, where its events were erased.

    Raises:
        RequestError: ``at`` is not a time, or none that the log of training counts in.
        LeakageError: ``at`` is not later than what training saw.
    """
    if at is None:
        return max(graph.latest, serving.trained_until) + 1
    if serving.clock == "none":
        raise RequestError("the log of this model has no times. Leave at= out.")
    if serving.clock == "order" and isinstance(at, _MOMENTS):
        raise RequestError(
            f"at={shown(cast(object, at))} is no position, and the log of this model "
            "has positions. Give a number."
        )
    try:
        if serving.clock == "order":
            time = position_of(at, "at", "Give a whole number.")
        else:
            time = second_of(at, "at")
    except DataError as error:
        raise RequestError(str(error)) from None
    if time <= serving.trained_until:
        last = moment_text(serving.trained_until, serving.clock)
        raise LeakageError(
            f"at={shown(at)} is not after {last}, the last event that training saw: "
            "the answer would know its own future. Train on the log before that time."
        )
    return time


def one_request(
    user: object,
    history: object,
    graph: Snapshot,
    clock: int,
    at: object,
    known: int,
    *,
    repeat: bool,
) -> tuple[pl.Series | None, pl.Series, Requests]:
    """Return who asks, none for a history, how they are called, and the request.

    Raises:
        RequestError: Neither or both of a user and a history are given.
    """
    if (user is None) == (history is None):
        said = ", and not both" if user is not None else "; user is None"
        raise RequestError(f"give either a user or a history{said}.")
    if history is None:
        who = one_user(user)
        return who, who, user_requests(who, graph, clock, at, known, repeat=repeat)
    asked = history_request(history, graph, clock, known, repeat=repeat)
    return None, graph.users.ids.clear(1), asked


def linked_users(graph: Snapshot) -> pl.Series:
    """Return the raw ids of the users with at least one edge of any type.

    How many have none is warned of.
    """
    linked = np.zeros(len(graph.users), bool)
    for edge in graph.leading_from(USER):
        degree = graph[edge].degree()
        linked[: len(degree)] |= degree > 0
    ids = graph.users.ids
    known = len(ids) - ids.null_count()
    found = ids.filter(linked).drop_nulls()
    if len(found) < known:
        warnings.warn(
            f"{known - len(found):,} of {known:,} users have no interactions, and no "
            "row. Name them to answer them as users without history.",
            NoHistoryWarning,
            stacklevel=outside(),
        )
    return found


def users_in_turn(users: object, graph: Snapshot) -> pl.Series:
    """Return the raw ids of users, each once; by default of all with an edge."""
    wanted = linked_users(graph) if users is LEFT_OUT else series(users, "users")
    return wanted.unique(maintain_order=True)


def one_user(user: object) -> pl.Series:
    """Return the id of one user as a column of one.

    Raises:
        RequestError: It is a list.
    """
    several = isinstance(user, list | tuple | set | np.ndarray | pl.Series)
    if several and getattr(cast(object, user), "ndim", 1) > 0:
        raise RequestError(
            f"recommend answers one user, not {type_of(cast(object, user))}. "
            "Pass a list of users to recommend_all."
        )
    return series([cast(object, user)], "user")


def user_requests(
    ids: pl.Series,
    graph: Snapshot,
    time: int,
    at: object,
    items: int,
    *,
    repeat: bool,
) -> Requests:
    """Return a request of each user.

    Those that are not known are warned of, and so are those without a history, or with
    one of items alone that training did not know.

    Args:
        ids: Raw ids.
        graph: All events.
        time: The time of the requests.
        at: As the caller wrote it; none if it was left out.
        items: How many items training knew; later ones are numbered behind them.
        repeat: May items of the history be recommended again?
    """
    rows = known_rows(graph.users, ids, "user", _AS_UNKNOWN)
    requests = Requests.of_users(
        graph, rows, np.full(len(rows), time, np.int64), repeat=repeat
    )
    ptr = requests.history.ptr
    silent = (rows != UNKNOWN) & (np.diff(ptr) == 0)
    shown = silent & _were_shown_items(graph, rows, time)
    _warn_without_history(ids.filter(shown), f"{_SHOWN_ALONE}{_before_words(at)}")
    silent &= ~shown
    _warn_without_history(ids.filter(silent), f"no interactions{_before_words(at)}")
    if len(graph.items) > items:
        known = starts_where(ptr, requests.history.node < items)
        lost = (np.diff(ptr) > 0) & (np.diff(known) == 0)
        _warn_without_history(ids.filter(lost), f"{_NEW_ALONE}{_before_words(at)}")
    return requests


def _were_shown_items(
    graph: Snapshot, rows: Int32[np.ndarray, " b"], time: int
) -> Bool[np.ndarray, " b"]:
    """Return which users have an impression before a time."""
    shown = np.zeros(len(rows), np.bool_)
    if IMPRESSION in graph.edges:
        degree = graph.before(time)[IMPRESSION].degree()
        known = (rows >= 0) & (rows < len(degree))
        shown[known] = degree[rows[known]] > 0
    return shown


def _warn_without_history(users: pl.Series, nothing: str) -> None:
    if not len(users):
        return
    said = said_of("user", users, f"has {nothing}", f"have {nothing}", _AS_UNKNOWN)
    warnings.warn(said, NoHistoryWarning, stacklevel=outside())


def _before_words(at: object) -> str:
    return "" if at is None else f" before at={shown(at)}"


def history_request(
    history: Any, graph: Snapshot, time: int, items: int, *, repeat: bool
) -> Requests:
    """Return the one request of a user with this history.

    Items that no channel knows are warned of: those that are not in the graph, which
    are passed over, and those that came after training.

    Args:
        history: Raw ids, oldest first.
        graph: All events.
        time: The time of the request.
        items: How many items training knew; later ones are numbered behind them.
        repeat: May items of the history be recommended again?

    Raises:
        RequestError: The history is empty, or no item of it is known.
    """
    ids = series(history, "history")
    if not len(ids):
        raise RequestError("the history is empty. Name at least one item.")
    rows = graph.items.encode(ids)
    if (rows != UNKNOWN).any():
        warn_unknown("item", ids.filter(rows == UNKNOWN), "passed over")
    _warn_of_new_items(ids.filter(rows >= items))
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


def _warn_of_new_items(items: pl.Series) -> None:
    items = items.unique(maintain_order=True)
    if len(items):
        is_so, are_so = (f"{be} not in the log of training" for be in ("is", "are"))
        said = said_of("item", items, is_so, are_so, "left out of the history")
        warnings.warn(said, UnknownIdWarning, stacklevel=outside())


def warn_of_unanswered(
    users: pl.Series, total: int, serving: Serving, filters: Filters
) -> None:
    """Warn of users for whom there is nothing, naming up to three of them.

    Args:
        users: Those who have no list.
        total: How many were asked about.
        serving: Who answers everybody, if anybody does.
        filters: What the caller limited or excluded.
    """
    unnamed = filters.unnamed(users)
    others = users.filter(~users.is_in(unnamed.implode()))
    for some, (why, mend) in (
        (unnamed, _UNNAMED),
        (others, _why_no_item(serving, filters)),
    ):
        if len(some):
            warnings.warn(
                f"{len(some):,} of {total:,} users have no row, since {why} "
                f"({first_few(some)}). {mend}",
                NoAnswerWarning,
                stacklevel=outside(),
            )


def why_no_answer(
    user: object, requests: Requests, at: object, serving: Serving, filters: Filters
) -> str:
    """Return why one request has no answer, and what to do.

    Args:
        user: Raw id of the user; none for a history.
        requests: The one request.
        at: Its time as the caller wrote it; none if it was left out.
        serving: Who answers everybody, if anybody does.
        filters: What the caller limited or excluded.
    """
    why, mend = _why_no_item(serving, filters)
    if user is not None and len(filters.unnamed(one_user(user))):
        why, mend = _UNNAMED
    who = "the history" if user is None else f"user {user!r}"
    if user is not None and not len(requests.history.node):
        known = int(requests.user[0]) != UNKNOWN
        what = f"has no interactions{_before_words(at)}" if known else "is not known"
        who = f"{who}, who {what}"
    return f"there is nothing for {who}, since {why}. {mend}"


def _why_no_item(serving: Serving, filters: Filters) -> tuple[str, str]:
    """Return why there is no item, and what to do.

    Whoever answers everybody lacks an item only if all are excluded.
    """
    if serving.fallback is not None:
        return "every item is excluded for them", "Name fewer, or more in only=."
    why = "no channel has an item for them"
    spare = "the pipeline fallback=Popular() to answer everybody."
    if filters.any:
        return f"{why} that is not excluded", f"Exclude fewer, or give {spare}"
    return why, f"Give {spare}"
