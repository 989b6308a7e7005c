"""The newest part of a log held out from the rest, on which settings are tried."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int32

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions
from tidegraph.data.split import last_rows_of_users
from tidegraph.data.views.evidence import is_positive, positive_actions
from tidegraph.data.views.repeats import MayRepeat
from tidegraph.errors import DataError
from tidegraph.graph.rewriting.erasure import without_pairs
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Fold, ItemSets, Requests
from tidegraph.stages.dcg import discounted_gains

SHARE, USERS, REQUESTS, LEAST = 0.1, 20_000, 8_000, 100
"""Settings are tried on the newest tenth of the events of at most so many users, and on
at most so many of those events; with fewer than the least nothing is chosen. Of fewer
users the log would be thinner, which likes other settings. Of positions each user's
last event that wants an item is taken, with all that follows it, and without times two
tenths of these at random."""


@dataclass(frozen=True, eq=False)
class Trial:
    """What came before the newest events, and requests at these.

    Attributes:
        known: What methods are fitted on: all that was known by then, of which nothing
            later is told, so that what was sent back later is still a purchase.
        requests: One for each event that says that somebody wanted an item, at its time
            and with all before it, in an order drawn at random, so that the first are a
            sample of all.
        item: The item of the event.
        later: All that was held out.
        repeat: Do users of the log return to items?
        whole: What is known and what was held out.
    """

    known: Fold
    requests: Requests
    item: Int32[np.ndarray, " b"]
    later: Interactions
    repeat: bool
    whole: Fold

    @classmethod
    def of(
        cls,
        log: Interactions,
        items: int | None = None,
        edges: Snapshot | None = None,
    ) -> "Trial | None":
        """Hold out events of some users; none where there are too few.

        Args:
            log: All events, returns and impressions too.
            items: Take those of so many items, the most frequent, which are numbered
                anew, so that no further edges fit them; all if left out.
            edges: Further nodes and edges; what is known ends where the log of it does.
        """
        if log.clock == "seconds" and len(log) and log.time[0] == log.time[-1]:
            return None  # All happened at once: nothing is known before anything.
        if items is not None:
            log, edges = _of_frequent(log, items), None
        rng = np.random.default_rng(0)
        users = np.flatnonzero(np.bincount(log.user[log.label == 1], minlength=1))
        if len(users) > USERS:
            log = log.take(np.isin(log.user, rng.permutation(users)[:USERS]))
        try:
            known, later = _held_out(log, rng)
        except DataError:
            return None  # Nobody has two events.
        found = positive_actions(later)
        if len(found) < LEAST or not len(positive_actions(known)):
            return None
        repeat = MayRepeat.of(None, log).allowed
        drawn = rng.permutation(len(found))[:REQUESTS]
        user, time = found.user[drawn], found.time[drawn]
        whole = Fold(known.followed_by(later), edges=edges)
        requests = Requests.of_users(whole.graph, user, time, repeat=repeat)
        if log.clock == "seconds":
            fold = whole.before(int(later.time[0]))
        else:
            fold = Fold(known, edges=edges)
        return cls(fold, requests, found.item[drawn], later, repeat, whole)

    def rows(self, start: int, stop: int) -> "Trial":
        """Return the same with some of its requests."""
        requests = self.requests.rows(start, stop)
        return replace(self, requests=requests, item=self.item[start:stop])

    def in_parts(self, parts: int) -> "tuple[Trial, ...]":
        """Return the same as consecutive trials, in each of which all before is known.

        They begin where ``parts`` equal parts of what is to be found do; without times
        in seconds there is one.
        """
        if parts == 1 or self.later.clock != "seconds":
            return (self,)
        time = positive_actions(self.later).time
        first = time[len(time) * np.arange(parts) // parts]
        bounds = [*np.unique(first).tolist(), int(self.later.time[-1]) + 1]
        return tuple(self._between(start, stop) for start, stop in pairwise(bounds))

    def _between(self, start: int, stop: int) -> "Trial":
        user, time, graph = self.requests.user, self.requests.time, self.requests.graph
        within = (time >= start) & (time < stop)
        return Trial(
            self.whole.before(start),
            Requests.of_users(graph, user[within], time[within], repeat=self.repeat),
            self.item[within],
            self.later.since(start).before(stop),
            self.repeat,
            self.whole,
        )

    def as_of_the_cut(
        self, most: int, repeat: bool | None = None
    ) -> tuple[Requests, ItemSets]:
        """Return requests of users of what was held out, and what they then did.

        All know what came before, and nothing of what was held out.

        Args:
            most: How many users at most.
            repeat: May lists hold items of the history? What the log does if left out.
        """
        repeat = self.repeat if repeat is None else repeat
        found = positive_actions(self.later)
        return at_the_end(self.known, found, most, repeat)


def at_the_end(
    known: Fold, later: Interactions, most: int, repeat: bool
) -> tuple[Requests, ItemSets]:
    """Return requests of users of a later part, at the end of what is known.

    Args:
        known: All that they know.
        later: What they are to find, after all that is known.
        most: How many users at most.
        repeat: May lists hold items of the history?
    """
    users = np.unique(later.user)
    if len(users) > most:
        users = np.sort(np.random.default_rng(0).permutation(users)[:most])
    place = np.full(len(later.users), -1, np.int64)
    place[users] = np.arange(len(users))
    row = place[later.user]
    relevant = ItemSets.of_pairs(row[row >= 0], later.item[row >= 0], len(users))
    time = np.full(len(users), known.events.time[-1] + 1, np.int64)
    requests = Requests.of_users(known.graph, users, time, repeat=repeat)
    return requests, relevant


Asked = tuple[Requests, ItemSets]
"""Requests, and what each is to find."""


class NextEvents(NamedTuple):
    """What methods are fitted on, and what they are then to find.

    Attributes:
        known: All that was known without what is held out.
        asked: Requests of each kind; each knows nothing from its time on.
    """

    known: Fold
    asked: tuple[Asked, ...]


def next_events(trial: Trial, most: int, repeat: bool | None = None) -> NextEvents:
    """Hold out next events of two kinds, of each as many: the newest, and users' last.

    The newest are asked for at their own time, by whoever came; but in a log of which
    each user has a short time they are of users whom the rest does not know. The last
    event of users of the rest, whenever it was, is of users whom the rest knows; but
    others went on after it. So neither alone settles what serves both. And each request
    is for one event, or what a short time brings: what a user does in a long one is
    mostly what is popular. On MovieLens-1M, where 94 % of the newest tenth is of known
    users, ``Popular`` ranks the 90 events of each best of four methods, and the next
    one worst of them.

    Args:
        trial: The newest tenth of a log. Without times in seconds it holds last events
            already, and is taken as it is.
        most: How many requests of a kind at most.
        repeat: May lists hold items of the history? What the log does if left out.
    """
    repeat = trial.repeat if repeat is None else repeat
    if trial.later.clock != "seconds":
        return NextEvents(trial.known, (trial.as_of_the_cut(most, repeat),))
    newest, size = trial.requests, min(len(trial.item), most)
    known, last = _without_last_events(trial.known, size)
    size = size if last is None else len(np.unique(last.user))
    newest = Requests.of_users(
        newest.graph, newest.user[:size], newest.time[:size], repeat=repeat
    )
    one_each = ItemSets(np.arange(size + 1, dtype=np.int64), trial.item[:size])
    asked: list[Asked] = [(newest, one_each)]
    if last is not None:
        asked.append(at_the_end(known, last, most, repeat))
    return NextEvents(known, tuple(asked))


def _without_last_events(fold: Fold, most: int) -> tuple[Fold, Interactions | None]:
    """Return the fold without the last event of some users, and these events.

    What these users did after it goes too, and further edges between the same two from
    then on. Where users are too few to say anything, all stays.
    """
    log = fold.events
    try:
        later = from_last_events(log, most, np.random.default_rng(0))
    except DataError:
        return fold, None
    last = log.take(later & is_positive(log))
    if len(last) < LEAST:
        return fold, None
    edges = fold.edges
    if edges is not None:
        item = np.full(len(log.users), -1, np.int64)
        since = np.zeros(len(item), np.int64)
        item[last.user], since[last.user] = last.item, last.time
        edges = without_pairs(edges, item, since)
    return Fold(log.take(~later), edges=edges), last


def ndcg_of_one(
    found: Int32[np.ndarray, "b k"], item: Int32[np.ndarray, " b"]
) -> Float64[np.ndarray, " b"]:
    """Return the NDCG of each list, where one item alone is relevant."""
    row, rank = np.nonzero(found == item[:, None])
    gain = np.zeros(len(item))
    gain[row] = discounted_gains(found.shape[1])[rank]
    return gain


def trial_of(fold: Fold, items: int | None = None) -> Trial | None:
    """Return a trial of a fold as a view of it; none where there is too little."""
    return Trial.of(fold.events, items, fold.edges)


def _of_frequent(log: Interactions, items: int) -> Interactions:
    """Return the events on so many items, as a log that knows of no others."""
    count = np.bincount(log.item[log.label == 1], minlength=len(log.items))
    kept = np.sort(np.argsort(-count, kind="stable")[:items])
    place = np.full(len(count), -1, np.int32)
    place[kept] = np.arange(len(kept))
    log = log.take(place[log.item] >= 0)
    ids = log.items.ids.gather(kept)
    return replace(log, item=place[log.item], items=Vocabulary.of_different(ids))


def from_last_events(
    log: Interactions, most: int, rng: np.random.Generator
) -> Bool[np.ndarray, " n"]:
    """Return which rows are the last event of a user that wants an item, or later.

    Args:
        log: All events.
        most: Of how many users at most, drawn at random among those who have others.
        rng: Draws them.

    Raises:
        DataError: Nobody has two events that want an item.
    """
    rows = np.flatnonzero(is_positive(log))
    last = rows[last_rows_of_users(log.user[rows], 1)]
    last = rng.permutation(last)[:most]
    since = np.full(len(log.users), len(log))
    since[log.user[last]] = last
    return np.arange(len(log)) >= since[log.user]


def _held_out(
    log: Interactions, rng: np.random.Generator
) -> tuple[Interactions, Interactions]:
    """Return what is known and the rest, the later part where time is.

    Raises:
        DataError: Nobody has two events that want an item.
    """
    if log.clock == "seconds":
        # Returns and impressions are no requests, so that they do not move the cut.
        time = log.time[(log.label == 1) & (log.weight > 0)]
        cut = int(time[int(len(time) * (1 - SHARE))]) if len(time) else 0
        return log.before(cut), log.since(cut)
    if log.clock == "order":
        later = from_last_events(log, len(log), rng)
        return log.take(~later), log.take(later)
    wanted = is_positive(log)
    known, found = log.take(wanted).random_split(fractions=(1 - 2 * SHARE,), rng=rng)
    return known.followed_by(log.take(~wanted)), found
