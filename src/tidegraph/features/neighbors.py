"""Who chose both: candidates beside the events of a history, one by one.

Item-kNN as it was at the time of a request, from the graph alone: what a candidate and
an item of the history have in common are the users who chose both before.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.features.counting import CO_USERS
from tidegraph.features.reading import PastView, Rows, rows_without_returns
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.kernels.binary_search import lower_bound
from tidegraph.kernels.hash_table import EMPTY, slot
from tidegraph.kernels.jit import compiled, over_rows, sealed

NAMES = ("knn_sum", "knn_max", "knn_shared", "knn_mean", "knn_alike")
"""Columns of the item-kNN score of a candidate.

With c the users who chose both a candidate and an event's item, n and m those of each,
and s = c / sqrt(1 + n m): log(1 + 10 sum of s), the largest s, log(1 + sum of c), the
mean of s, and log(1 + events of the candidate's category).
"""
CROSS = ("cosine", "shared", "alike")
"""Columns of a candidate and an event: 10 s, log(1 + c), and the same category."""
BACK = ("cosine", "shared")
"""Columns of the user and a user of the candidate: 10 s, log(1 + c)."""
LATEST = 30
"""How many of the latest events of the history the item-kNN score is over."""
MOST = 64
"""How many events of the history can be told apart at once: bits of a word."""
_SLOTS = 1 << 14
"""Places of a table that is never half full."""


class Crossed(NamedTuple):
    """What candidates have to do with each event of the history, and with each fan.

    Attributes:
        knn: The item-kNN score of each candidate.
        cross: Each candidate beside each event.
        back: The user beside each of the latest users of each candidate.
    """

    knn: Float32[np.ndarray, "b k 5"]
    cross: Float32[np.ndarray, "b k h 3"]
    back: Float32[np.ndarray, "b k l 2"]


class Fans(NamedTuple):
    """Some users of each candidate.

    Attributes:
        user: Who they are; -1 where there is none.
        start: Where the events of each start, whenever they were.
        stop: Where they stop.
        time: When each event was, rising from a start to a stop.
    """

    user: Int32[np.ndarray, "b k l"]
    start: Int64[np.ndarray, "b k l"]
    stop: Int64[np.ndarray, "b k l"]
    time: np.ndarray

    @classmethod
    def of(cls, edges: TemporalCSR, user: Int32[np.ndarray, "b k l"]) -> "Fans":
        """Return the latest users of candidates and their actions, without returns.

        Args:
            edges: Actions, from users to items.
            user: Some users of each candidate; -1 where there is none.
        """
        rows = rows_without_returns(edges, *edges.span(user.ravel()))
        start, stop = rows.start.reshape(user.shape), rows.stop.reshape(user.shape)
        return cls(user, start, stop, rows.time)

    @classmethod
    def nobody(cls, shape: tuple[int, int], time: np.ndarray) -> "Fans":
        """Return an empty set of users for so many candidates."""
        none = np.zeros((*shape, 0), np.int64)
        return cls(none.astype(np.int32), none, none, time)


def cross_with_history(
    past: PastView,
    steps: Int32[np.ndarray, "b h"],
    fans: Fans | None = None,
    *,
    pairs: bool = True,
) -> Crossed:
    """Return the users that candidates share with each event of the history.

    Args:
        past: Requests, candidates and the pasts of items.
        steps: Items of some events of each history, -1 where there is none.
        fans: Users of each candidate, to be looked at one by one; of more events than
            ``MOST`` the first count for these.
        pairs: Return ``cross``, of each candidate and event; else it has no events.
    """
    if pairs and steps.shape[1] > MOST:
        first = cross_with_history(past, steps[:, :MOST], fans)
        rest = cross_with_history(past, steps[:, MOST:])
        return first._replace(cross=np.concatenate([first.cross, rest.cross], axis=2))
    shape = past.item.shape
    of_fans = Fans(*sealed(*(fans or Fans.nobody(shape, past.items.time))))
    (steps,) = sealed(steps)
    out = Crossed(
        np.zeros((*shape, len(NAMES)), np.float32),
        np.zeros((*shape, steps.shape[1] * pairs, len(CROSS)), np.float32),
        np.zeros((*of_fans.user.shape, len(BACK)), np.float32),
    )
    over_rows(
        lambda a, b: _fill_columns(
            steps,
            past.items,
            past.user,
            past.clock,
            past.item,
            past.category,
            of_fans,
            out,
            a,
            b,
        ),
        len(past.item),
        grain=64,
    )
    return out


@compiled
def _fill_columns(
    steps: np.ndarray,
    items: Rows,
    user: np.ndarray,
    clocks: np.ndarray,
    item: np.ndarray,
    category: np.ndarray,
    fans: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
    first: int,
    last: int,
) -> None:
    knn, cross, back = out
    who = np.full(_SLOTS, EMPTY, np.int32)
    chose, counted = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.int64)
    used = np.empty(_SLOTS, np.int64)
    size = np.zeros(MOST, np.int64)
    shared = np.zeros(MOST, np.int64)
    serial = 0
    for row in range(first, last):
        clock = clocks[row]
        held, real = _note_co_users(
            steps[row], items, user[row], clock, who, chose, counted, used, size
        )
        own = (steps[row, :real] >= 0).sum()
        for place in range(item.shape[1]):
            i = item[row, place]
            if i < 0:
                continue
            serial += 1
            n = _count_shared_users(
                items, i, clock, serial, who, chose, counted, real, shared
            )
            kind = int(category[i]) if i < category.size else -1
            _write_cross_columns(
                steps[row], category, kind, n, size, shared, real, cross[row, place]
            )
            _write_knn_columns(
                steps[row], category, kind, n, size, shared, real, knn[row, place]
            )
            _write_fan_columns(
                fans, row, place, clock, who, chose, own, back[row, place]
            )
            shared[:real] = 0
        for n in range(held):
            who[used[n]] = EMPTY


@compiled
def _latest_events_of_item(items: Rows, i: int, clock: int) -> tuple[int, int]:
    """Return where the latest events of an item before a clock start and end."""
    if i >= items.start.size:
        return 0, 0
    begin = int(items.start[i])
    end = lower_bound(items.time, begin, int(items.stop[i]), clock)
    return max(begin, end - CO_USERS), end


@compiled
def _note_co_users(
    steps: np.ndarray,
    items: Rows,
    user: int,
    clock: int,
    who: np.ndarray,
    chose: np.ndarray,
    counted: np.ndarray,
    used: np.ndarray,
    size: np.ndarray,
) -> tuple[int, int]:
    """Note who else chose which events' items; return how many users and events."""
    held, real = 0, min(steps.size, MOST)
    for h in range(real):
        size[h] = 0
        if steps[h] < 0:
            continue
        begin, end = _latest_events_of_item(items, steps[h], clock)
        size[h] = end - begin
        for e in range(begin, end):
            other = items.node[e]
            if other == user:
                continue
            at = slot(who, other)
            if who[at] == EMPTY:
                who[at], chose[at], counted[at] = other, np.uint64(0), 0
                used[held] = at
                held += 1
            chose[at] |= np.uint64(1) << np.uint64(h)
    return held, real


@compiled
def _count_shared_users(
    items: Rows,
    i: int,
    clock: int,
    serial: int,
    who: np.ndarray,
    chose: np.ndarray,
    counted: np.ndarray,
    real: int,
    shared: np.ndarray,
) -> int:
    """Count per event the users who chose it and an item; return the item's events."""
    begin, end = _latest_events_of_item(items, i, clock)
    for e in range(begin, end):
        at = slot(who, items.node[e])
        if who[at] == EMPTY or counted[at] == serial:
            continue
        counted[at] = serial
        for h in range(real):
            shared[h] += np.int64((chose[at] >> np.uint64(h)) & np.uint64(1))
    return end - begin


@compiled
def _is_in_category(kind: int, category: np.ndarray, item: int) -> bool:
    """Is an item of a category, if that is one at all?"""
    return bool(kind >= 0 and item < category.size and category[item] == kind)


@compiled
def _write_cross_columns(
    steps: np.ndarray,
    category: np.ndarray,
    kind: int,
    n: int,
    size: np.ndarray,
    shared: np.ndarray,
    real: int,
    out: np.ndarray,
) -> None:
    """Write the columns ``CROSS`` of a candidate, event by event."""
    for h in range(min(real, out.shape[0])):
        v = steps[h]
        if v < 0:
            continue
        out[h, 0] = 10 * shared[h] / np.sqrt(1.0 + n * size[h])
        out[h, 1] = np.log1p(shared[h])
        out[h, 2] = _is_in_category(kind, category, v)


@compiled
def _write_knn_columns(
    steps: np.ndarray,
    category: np.ndarray,
    kind: int,
    n: int,
    size: np.ndarray,
    shared: np.ndarray,
    real: int,
    out: np.ndarray,
) -> None:
    """Write the columns ``NAMES`` of a candidate: its neighbours in the history."""
    total, most, both, alike, events = 0.0, 0.0, 0, 0, 0
    for h in range(min(real, LATEST)):
        v = steps[h]
        if v < 0:
            continue
        cosine = shared[h] / np.sqrt(1.0 + n * size[h])
        total, most = total + cosine, max(most, cosine)
        both, events = both + shared[h], events + 1
        alike += _is_in_category(kind, category, v)
    out[0], out[1] = np.log1p(10 * total), most
    out[2], out[3] = np.log1p(both), total / max(events, 1)
    out[4] = np.log1p(alike)


@compiled
def _write_fan_columns(
    fans: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    row: int,
    place: int,
    clock: int,
    who: np.ndarray,
    chose: np.ndarray,
    own: int,
    out: np.ndarray,
) -> None:
    """Write what the user has in common with each user of a candidate."""
    user, start, stop, time = fans
    for n in range(user.shape[2]):
        fan = user[row, place, n]
        if fan < 0:
            continue
        at = slot(who, fan)
        if who[at] == EMPTY:
            continue
        both, left = 0, chose[at]
        while left:
            both, left = both + 1, left & (left - np.uint64(1))
        begin, end = int(start[row, place, n]), int(stop[row, place, n])
        events = lower_bound(time, begin, end, clock) - begin
        out[n, 0] = 10 * both / np.sqrt(1.0 + own * events)
        out[n, 1] = np.log1p(both)
