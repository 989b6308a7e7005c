"""The kernel that counts what was known of users and items before a time."""

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from tidegraph.durations import DAY
from tidegraph.features.reading import Rows
from tidegraph.kernels.binary_search import lower_bound
from tidegraph.kernels.hash_table import EMPTY, is_new, slot
from tidegraph.kernels.jit import compiled

RECENT = 28 * DAY
LATELY = 14.0
SEASON = 90.0
"""Half-lives, in days, of an event of a pair."""
TASTE = 20
"""How many of the latest events of the history count for co-occurrence."""
CO_USERS = 100
"""How many of the latest users of an item count for co-occurrence."""
LOYAL = 256
"""How many of the latest events of an item say whether people come back to it."""
_CO_USER_SLOTS = 4096
_SEEN_SLOTS = 1024
"""Sizes of tables that are never half full."""


class Column(IntEnum):
    """The column that each input is written to; its name is that in small letters."""

    ITEM_COUNT = 0
    ITEM_GAP = 1
    ITEM_UNSEEN = 2
    ITEM_RECENT_COUNT = 3
    USER_COUNT = 4
    USER_GAP = 5
    USER_UNSEEN = 6
    PAIR_COUNT = 7
    PAIR_GAP = 8
    PAIR_UNSEEN = 9
    PAIR_SHARE = 10
    PAIR_OVERDUE = 11
    PAIR_REGULAR = 12
    CATEGORY_SHARE = 13
    CATEGORY_GAP = 14
    CO_OCCURRENCE = 15
    PAIR_LATELY = 16
    PAIR_THIS_SEASON = 17
    USER_RECENT_COUNT = 18
    ITEM_REPEATS = 19


NAMES = tuple(column.name.lower() for column in Column)
"""Their names, in this order."""


def names_of(kind: str) -> tuple[str, ...]:
    """Return the names of the inputs of one kind, such as ``"user"``."""
    return tuple(name for name in NAMES if name.startswith(f"{kind}_"))


class Habits(NamedTuple):
    """What a history says of each of its items.

    Attributes:
        times: How many events the item has; 0 where it is none of the history.
        first: When its first event was.
        latest: When its last was.
        lately: Its events, each halved in ``LATELY`` days.
        season: Its events, each halved in ``SEASON`` days.
    """

    times: np.ndarray
    first: np.ndarray
    latest: np.ndarray
    lately: np.ndarray
    season: np.ndarray


class Tastes(NamedTuple):
    """What a history says of each category: how many events, and when the last was."""

    times: np.ndarray
    latest: np.ndarray


class CoUsers(NamedTuple):
    """A table of other users, and how many items of a history each shares."""

    who: np.ndarray
    times: np.ndarray


@compiled
def log_gap(clock: int, time: int) -> float:
    """Return log(1 + days) between two times."""
    return float(np.log1p((clock - time) / DAY))


@compiled
def write_counting_columns(
    history: Rows,
    items: Rows,
    user: np.ndarray,
    clocks: np.ndarray,
    item: np.ndarray,
    category: np.ndarray,
    shared_users: bool,
    repeats: bool,
    size: int,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Write what was counted of user, item and pair, requests ``first`` to ``last``.

    ``shared_users`` and ``repeats`` say whether the two columns that cost most are
    wanted; ``size`` is above every item.
    """
    co_users = CoUsers(
        np.full(_CO_USER_SLOTS, EMPTY, np.int32), np.zeros(_CO_USER_SLOTS)
    )
    seen = np.zeros(_SEEN_SLOTS, np.int64)
    habits = Habits(
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
    )
    kinds = max(category.max() + 1, 1) if category.size else 1
    tastes = Tastes(np.zeros(kinds, np.int64), np.zeros(kinds, np.int64))
    for row in range(first, last):
        clock = clocks[row]
        low, high = int(history.start[row]), int(history.stop[row])
        note_habits(history, low, high, clock, category, habits, tastes)
        total = 0.0
        if shared_users:
            total = count_co_users(
                history, items, co_users, user[row], clock, low, high
            )
        recent = high - lower_bound(history.time, low, high, clock - RECENT)
        for place in range(item.shape[1]):
            i = item[row, place]
            if i < 0:
                continue
            cell = out[row, place]
            write_item_columns(items, i, clock, cell)
            serial = (row - first) * item.shape[1] + place + 1
            if repeats:
                cell[Column.ITEM_REPEATS] = repeat_share(
                    items, seen, serial, user[row], i, clock
                )
            write_user_columns(history, low, high, recent, clock, cell)
            write_pair_columns(i, clock, high - low, habits, cell)
            kind = category[i] if i < category.size else -1
            if kind >= 0 and tastes.times[kind] > 0:
                cell[Column.CATEGORY_SHARE] = tastes.times[kind] / (high - low)
                cell[Column.CATEGORY_GAP] = log_gap(clock, int(tastes.latest[kind]))
            if total > 0:
                cell[Column.CO_OCCURRENCE] = co_user_cosine(
                    items, co_users, user[row], i, clock
                ) / np.sqrt(total)
        clear_habits(history, low, high, category, habits, tastes)


@compiled
def note_habits(
    history: Rows,
    low: int,
    high: int,
    clock: int,
    category: np.ndarray,
    habits: Habits,
    tastes: Tastes,
) -> None:
    """Note per item of a history how often, since when, up to when, how lately."""
    for h in range(low, high):
        v = history.node[h]
        if habits.times[v] == 0:
            habits.first[v] = history.time[h]
        habits.times[v] += 1
        habits.latest[v] = history.time[h]
        age = (clock - history.time[h]) / DAY
        habits.lately[v] += np.float32(0.5 ** (age / LATELY))
        habits.season[v] += np.float32(0.5 ** (age / SEASON))
        kind = category[v] if v < category.size else -1
        if kind >= 0:
            tastes.times[kind] += 1
            tastes.latest[kind] = history.time[h]


@compiled
def clear_habits(
    history: Rows,
    low: int,
    high: int,
    category: np.ndarray,
    habits: Habits,
    tastes: Tastes,
) -> None:
    """Clear what ``note_habits`` noted."""
    for h in range(low, high):
        v = history.node[h]
        habits.times[v] = 0
        habits.lately[v] = 0.0
        habits.season[v] = 0.0
        kind = category[v] if v < category.size else -1
        if kind >= 0:
            tastes.times[kind] = 0


@compiled
def write_user_columns(
    history: Rows, low: int, high: int, recent: int, clock: int, cell: np.ndarray
) -> None:
    """Write what was known of a user: count, gap, never seen, count of four weeks."""
    cell[Column.USER_COUNT] = np.log1p(high - low)
    cell[Column.USER_GAP] = (
        log_gap(clock, int(history.time[high - 1])) if high > low else 0.0
    )
    cell[Column.USER_UNSEEN] = 0.0 if high > low else 1.0
    cell[Column.USER_RECENT_COUNT] = np.log1p(recent)


@compiled
def write_item_columns(items: Rows, i: int, clock: int, cell: np.ndarray) -> None:
    """Write what was known of an item: count, gap, never seen, count of four weeks."""
    if i >= items.start.size:
        cell[Column.ITEM_UNSEEN] = 1.0
        return
    low = int(items.start[i])
    end = lower_bound(items.time, low, int(items.stop[i]), clock)
    if end == low:
        cell[Column.ITEM_UNSEEN] = 1.0
        return
    cell[Column.ITEM_COUNT] = np.log1p(end - low)
    cell[Column.ITEM_GAP] = log_gap(clock, items.time[end - 1])
    cell[Column.ITEM_RECENT_COUNT] = np.log1p(
        end - lower_bound(items.time, low, end, clock - RECENT)
    )


@compiled
def write_pair_columns(
    i: int, clock: int, events: int, habits: Habits, cell: np.ndarray
) -> None:
    """Write a user's habit of an item: count, gap, never seen, share, decays."""
    times = int(habits.times[i])
    first, latest = int(habits.first[i]), int(habits.latest[i])
    if times == 0:
        cell[Column.PAIR_UNSEEN] = 1.0
        return
    cell[Column.PAIR_COUNT] = np.log1p(times)
    cell[Column.PAIR_GAP] = log_gap(clock, latest)
    cell[Column.PAIR_SHARE] = times / events
    cell[Column.PAIR_LATELY] = np.log1p(habits.lately[i])
    cell[Column.PAIR_THIS_SEASON] = np.log1p(habits.season[i])
    if times > 1 and latest > first:
        usual = (latest - first) / (times - 1)
        cell[Column.PAIR_OVERDUE] = np.log1p((clock - latest) / usual)
        cell[Column.PAIR_REGULAR] = 1.0


@compiled
def count_co_users(
    history: Rows,
    items: Rows,
    co_users: CoUsers,
    user: int,
    clock: int,
    low: int,
    high: int,
) -> float:
    """Count in a table, per other user, the latest history items shared."""
    who, count = co_users
    who[:] = EMPTY
    total = 0.0
    for h in range(max(low, high - TASTE), high):
        v = history.node[h]
        if v >= items.start.size:
            continue
        begin = items.start[v]
        end = lower_bound(items.time, int(begin), int(items.stop[v]), clock)
        for e in range(max(begin, end - CO_USERS), end):
            other = items.node[e]
            if other == user:
                continue
            at = slot(who, other)
            if who[at] == EMPTY:
                who[at], count[at] = other, 0
            total += 2 * float(count[at]) + 1
            count[at] += 1
    return total


@compiled
def co_user_cosine(
    items: Rows, co_users: CoUsers, user: int, i: int, clock: int
) -> float:
    """Return how much the latest users of an item are the co-users, as a cosine."""
    if i >= items.start.size:
        return 0.0
    begin = int(items.start[i])
    end = lower_bound(items.time, begin, int(items.stop[i]), clock)
    begin = max(begin, end - CO_USERS)
    together = 0.0
    for e in range(begin, end):
        other = items.node[e]
        if other != user:
            at = slot(co_users.who, other)
            if co_users.who[at] != EMPTY:
                together += float(co_users.times[at])
    return together / math.sqrt(max(end - begin, 1))


@compiled
def repeat_share(
    items: Rows, seen: np.ndarray, serial: int, user: int, i: int, clock: int
) -> float:
    """Return the share of an item's latest events by others that were not their first.

    ``seen`` is a table of who was counted under which ``serial``.
    """
    if i >= items.start.size:
        return 0.0
    begin = int(items.start[i])
    end = lower_bound(items.time, begin, int(items.stop[i]), clock)
    people, again = 0, 0
    for e in range(max(begin, end - LOYAL), end):
        other = items.node[e]
        if other == user:
            continue
        if is_new(seen, serial, other):
            people += 1
        else:
            again += 1
    return again / max(people + again, 1)
