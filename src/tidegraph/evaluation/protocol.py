"""Which requests a recommender answers, and which items count as found.

Three ways to turn a train and a test log into requests; each answers as of a clock that
no event behind it has reached. ``at_cut`` requests one list for each user at the moment
the test log begins, and is the default; the other two request one for each user, or
each event, at its own time, for splits that hold out the last events of every user.
"""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64, Integer

from tidegraph.arguments import checked
from tidegraph.data.context import conformed
from tidegraph.data.ids.vocabulary import UNKNOWN, Vocabulary
from tidegraph.data.interactions import Interactions
from tidegraph.data.times.clocks import Clock, moment_text
from tidegraph.data.views.evidence import positive_actions
from tidegraph.errors import DataError, LeakageError
from tidegraph.evaluation.given_lists import GivenLists
from tidegraph.graph.from_log import ACTION, last_event_time
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.ragged import starts
from tidegraph.stages import Candidates, ItemSets, Requests


@runtime_checkable
class Recommender(Protocol):
    """Anything that answers requests with lists: a retriever or a whole pipeline."""

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return up to ``k`` items per request, best first."""
        ...


@dataclass(frozen=True, eq=False)
class Task:
    """Requests, and what each should have found.

    Attributes:
        requests: The user and the clock of each list to be made.
        user: Raw id of the user of each request.
        relevant: The items that count as found; at least one per request.
        popularity: How many training actions each item has.
        repeat: May items that the user has already interacted with be recommended, and
            count?
        when: The clock of the requests, in words.
        dropped: Requests left out because nothing new was left for them to find.
        items: The ids of the items, those of the test log too.
        trained_until: The last time that a model may have been trained on.
        clock: What times mean in the test log.
    """

    requests: Requests
    user: pl.Series
    relevant: ItemSets
    popularity: Int64[np.ndarray, " items"]
    repeat: bool
    when: str
    dropped: int
    items: Vocabulary
    trained_until: int
    clock: Clock = "seconds"

    def __len__(self) -> int:
        return len(self.requests)

    @property
    def unseen(self) -> float:
        """The share of the relevant items that training never saw."""
        return float((self.popularity[self.relevant.item] == 0).mean())


@runtime_checkable
class EvaluationProtocol(Protocol):
    """Turns a train and a test log into a task."""

    def __call__(
        self, train: Interactions | Snapshot, test: Interactions, *, repeat: bool
    ) -> Task:
        """Return the requests, and what counts as found for each."""
        ...


@checked(DataError)
def at_cut(train: Interactions | Snapshot, test: Interactions, *, repeat: bool) -> Task:
    """One request for each user who acts in the test log, at the moment it begins.

    A user's distinct test items count as found, but for those whose weights add up to 0
    or less in the test log. A user without actions in training has an empty history.

    Args:
        train: What is known, all of it before the test log; or its graph.
        test: What happened then.
        repeat: May items that the user has already interacted with be recommended, and
            count?

    Raises:
        LeakageError: ``train`` has events at or after the first of ``test``.
        DataError: The logs are not parts of one log, or nothing is left to find.
    """
    acted = _test_actions(test)
    graph = train if isinstance(train, Snapshot) else Snapshot.of(train)
    cut = int(test.time[0])
    latest = last_event_time(graph.edges)
    if latest >= cut:
        raise LeakageError(
            f"training reaches to {moment_of(latest, test.clock)}, but the test "
            f"log begins at {moment_of(cut, test.clock)}. Split by time, or pass "
            "protocol=tg.at_first_event where each user's last events are held out."
        )
    user, row = np.unique(acted.user, return_inverse=True)
    time = np.full(len(user), cut, np.int64)
    when = _times_text(test.clock, f"at {moment_of(cut, test.clock)}")
    known = _Known(graph, _item_degrees(graph), repeat, when, cut - 1)
    return known.task(acted, user, time, row)


# pytest would collect it where a test module imports it.
at_cut.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]


@checked(DataError)
def at_first_event(
    train: Interactions | Snapshot, test: Interactions, *, repeat: bool
) -> Task:
    """One request for each user of the test log, at that user's own first test event.

    For splits that hold out the last events of each user. A model fitted on such a
    training log has seen other users' later events, so its scores flatter it.

    Args:
        train: What is known; each user's history is read up to the user's own clock.
        test: What happened to each user after that.
        repeat: May items that the user has already interacted with be recommended, and
            count?

    Raises:
        DataError: The logs are not parts of one log, or nothing is left to find.
    """
    acted = _test_actions(test)
    graph = train if isinstance(train, Snapshot) else Snapshot.of(train)
    user, first, row = np.unique(acted.user, return_index=True, return_inverse=True)
    when = _times_text(test.clock, "each at the user's first test event")
    latest = last_event_time(graph.edges)
    known = _Known(graph, _item_degrees(graph), repeat, when, latest)
    return known.task(acted, user, acted.time[first], row)


@checked(DataError)
def at_each_event(
    train: Interactions | Snapshot, test: Interactions, *, repeat: bool
) -> Task:
    """One request for each test action and its one item, earlier test events known.

    Actions of a weight of 0 or below, and those that such take back in the test log,
    have no request.

    Args:
        train: What is known from the start.
        test: Events that become known one by one.
        repeat: May items that the user has already interacted with be recommended, and
            count?

    Raises:
        DataError: The logs are not parts of one log, nothing is left to find, or
            ``train`` is a graph, whose events cannot be appended to those of a log.
    """
    acted = _test_actions(test)
    if isinstance(train, Snapshot):
        raise DataError(
            "at_each_event concatenates two logs. Pass train= as the log itself."
        )
    check_vocabulary("item", train.items, test.items)
    check_vocabulary("user", train.users, test.users)
    counts = np.bincount(train.actions().item, minlength=len(test.items))
    graph = Snapshot.of(_merged_in_time(train, test))
    when = _times_text(test.clock, "each test action at its own time")
    latest = int(train.time[-1]) if len(train) else np.iinfo(np.int64).min
    known = _Known(graph, counts, repeat, when, int(latest))
    return known.task(acted, acted.user, acted.time, np.arange(len(acted)))


Judged = Recommender | GivenLists
"""Who can be judged: a recommender, or lists that were made elsewhere."""


@dataclass(frozen=True, eq=False)
class _Known:
    """What is the same for every request of a task."""

    graph: Snapshot
    popularity: Int64[np.ndarray, " items"]
    repeat: bool
    when: str
    trained_until: int

    def task(
        self,
        acted: Interactions,
        user: Int32[np.ndarray, " b"],
        time: Int64[np.ndarray, " b"],
        row: Integer[np.ndarray, " n"],
    ) -> Task:
        """Return the requests that have something to find; event n is of ``row[n]``."""
        graph = self.graph
        check_vocabulary("item", graph.items, acted.items)
        check_vocabulary("user", graph.users, acted.users)
        held = np.where(user < len(graph.users), user, UNKNOWN).astype(np.int32)
        requests = Requests.of_users(graph, held, time, repeat=self.repeat)
        relevant = ItemSets.of_pairs(row, acted.item, len(user))
        if not self.repeat:
            past = ItemSets(requests.history.ptr, requests.history.node)
            relevant = relevant.where(~past.holds_each(relevant))
        keep = relevant.count > 0
        if not keep.any():
            raise DataError(
                "no request is left: every user has interacted with their test items "
                "before. Evaluate with repeat=True."
            )
        kept = Requests.of_users(graph, held[keep], time[keep], repeat=self.repeat)
        size = max(len(graph.items), len(acted.items))
        return Task(
            kept,
            acted.users.decode(user[keep]),
            replace(relevant, ptr=starts(relevant.count[keep])),
            np.pad(self.popularity, (0, size - len(self.popularity))),
            self.repeat,
            self.when,
            int((~keep).sum()),
            graph.items if size == len(graph.items) else acted.items,
            self.trained_until,
            acted.clock,
        )


def _test_actions(test: Interactions) -> Interactions:
    """Return what is to be found; no return is, nor what was sent back."""
    acted = positive_actions(test)
    if not len(acted):
        raise DataError(
            "the test log has no action of a weight above 0 that none below takes back,"
            " so there is nothing to find."
        )
    return acted


def _item_degrees(graph: Snapshot) -> Int64[np.ndarray, " items"]:
    return graph[f"~{ACTION}"].degree()


def check_vocabulary(kind: str, train: Vocabulary, test: Vocabulary) -> None:
    """Refuse row numbers that mean different ids in two logs.

    Raises:
        DataError: They do.
    """
    if train.numbers_as(test):
        return
    raise DataError(
        f"the train and the test log number their {kind}s differently. "
        "Split one log, whose parts share its vocabularies."
    )


def _merged_in_time(train: Interactions, test: Interactions) -> Interactions:
    """Return the events of both in time order; of one second, train's come first."""
    time = np.concatenate([train.time, test.time])
    order = np.argsort(time, kind="stable")
    users = max(test.users, train.users, key=len)
    items = max(test.items, train.items, key=len)
    columns = {
        name: np.concatenate([getattr(train, name), getattr(test, name)])[order]
        for name in ("user", "item", "label", "weight")
    }
    later = conformed(test.context, train.context, len(test))
    context = pl.concat([train.context, later])
    context = context[order] if context.width else context
    return replace(
        test,
        time=time[order],
        users=users,
        items=items,
        context=context,
        origin=None,
        **columns,
    )


def _times_text(clock: Clock, when: str) -> str:
    return "no times" if clock == "none" else when


def moment_of(time: int, clock: Clock) -> str:
    """Return a time as the setup of an evaluation shows it."""
    if clock != "seconds":
        return moment_text(time, clock)
    return str(np.datetime64(time, "s")).replace("T", " ") + " UTC"
