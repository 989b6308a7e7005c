"""The kernel that counts what was known of users and items before a time."""

import math

import numpy as np

from tidegraph.compiled import compiled

DAY = 86_400.0
RECENT = 28 * 86_400
LATELY = 14.0
SEASON = 90.0
"""Half-lives, in days, of an event of a pair."""
TASTE = 20
"""How many of the latest events of the history speak for co-occurrence."""
FELLOWS = 100
"""How many of the latest users of an item count for co-occurrence."""

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


@compiled
def before(time: np.ndarray, low: int, high: int, clock: int) -> int:
    """Return the first place from ``low`` whose time is not below ``clock``."""
    while low < high:
        middle = (low + high) >> 1
        if time[middle] < clock:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def gap(clock: int, time: int) -> float:
    """Return log(1 + days) between two times."""
    return float(np.log1p((clock - time) / DAY))


@compiled
def fill(
    history: Rows,
    users: Rows,
    items: Rows,
    user: np.ndarray,
    clocks: np.ndarray,
    item: np.ndarray,
    category: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Write the columns ``features.NAMES`` for requests ``first`` to ``last``."""
    size = max(
        items[0].size, item.max() + 2, history[1].max() + 2 if history[1].size else 0
    )
    kinds = category.max() + 1 if category.size else 0
    met = np.zeros(size, np.int64)
    start = np.zeros(size, np.int64)
    latest = np.zeros(size, np.int64)
    lately = np.zeros(size, np.float32)
    season = np.zeros(size, np.float32)
    kind_met = np.zeros(max(kinds, 1), np.int64)
    kind_latest = np.zeros(max(kinds, 1), np.int64)
    fellow = np.zeros(users[0].size, np.float32)
    for row in range(first, last):
        clock = clocks[row]
        low, high = history[0][row], history[0][row + 1]
        for h in range(low, high):
            v = history[1][h]
            if met[v] == 0:
                start[v] = history[2][h]
            met[v] += 1
            latest[v] = history[2][h]
            age = (clock - history[2][h]) / DAY
            lately[v] += np.float32(0.5 ** (age / LATELY))
            season[v] += np.float32(0.5 ** (age / SEASON))
            kind = category[v] if v < category.size else -1
            if kind >= 0:
                kind_met[kind] += 1
                kind_latest[kind] = history[2][h]
        total = fellows(history, items, fellow, user[row], clock, low, high, 1.0)
        recent = high - before(history[2], int(low), int(high), clock - RECENT)
        for place in range(item.shape[1]):
            i = item[row, place]
            if i < 0:
                continue
            cell = out[row, place]
            of_item(items, i, clock, cell)
            n = high - low
            cell[4] = np.log1p(n)
            cell[5] = gap(clock, int(history[2][high - 1])) if n else 0.0
            cell[6] = 0.0 if n else 1.0
            of_pair(int(met[i]), int(start[i]), int(latest[i]), clock, n, cell)
            kind = category[i] if i < category.size else -1
            cell[16] = np.log1p(lately[i])
            cell[17] = np.log1p(season[i])
            cell[18] = np.log1p(recent)
            if kind >= 0 and kind_met[kind] > 0:
                cell[13] = kind_met[kind] / n
                cell[14] = gap(clock, int(kind_latest[kind]))
            if total > 0:
                cell[15] = shared(items, fellow, user[row], i, clock) / np.sqrt(total)
        fellows(history, items, fellow, user[row], clock, low, high, 0.0)
        for h in range(low, high):
            v = history[1][h]
            met[v] = 0
            lately[v] = 0.0
            season[v] = 0.0
            kind = category[v] if v < category.size else -1
            if kind >= 0:
                kind_met[kind] = 0


@compiled
def of_item(items: Rows, i: int, clock: int, cell: np.ndarray) -> None:
    """Write what was known of an item: count, gap, never met, count of four weeks."""
    if i >= items[0].size - 1:
        cell[2] = 1.0
        return
    low = int(items[0][i])
    end = before(items[2], low, int(items[0][i + 1]), clock)
    if end == low:
        cell[2] = 1.0
        return
    cell[0] = np.log1p(end - low)
    cell[1] = gap(clock, items[2][end - 1])
    cell[3] = np.log1p(end - before(items[2], low, end, clock - RECENT))


@compiled
def of_pair(
    met: int, start: int, latest: int, clock: int, events: int, cell: np.ndarray
) -> None:
    """Write the habit: count, gap, never met, share, gap over usual gap."""
    if met == 0:
        cell[9] = 1.0
        return
    cell[7] = np.log1p(met)
    cell[8] = gap(clock, latest)
    cell[10] = met / events
    if met > 1 and latest > start:
        usual = (latest - start) / (met - 1)
        cell[11] = np.log1p((clock - latest) / usual)
        cell[12] = 1.0


@compiled
def fellows(
    history: Rows,
    items: Rows,
    fellow: np.ndarray,
    user: int,
    clock: int,
    low: int,
    high: int,
    weight: float,
) -> float:
    """Count per other user the latest history items shared; 0 as weight forgets."""
    total = 0.0
    for h in range(max(low, high - TASTE), high):
        v = history[1][h]
        if v >= items[0].size - 1:
            continue
        begin = items[0][v]
        end = before(items[2], int(begin), int(items[0][v + 1]), clock)
        for e in range(max(begin, end - FELLOWS), end):
            other = items[1][e]
            if other == user:
                continue
            if weight == 0.0:
                fellow[other] = 0.0
            else:
                total += 2 * float(fellow[other]) + 1
                fellow[other] += 1
    return total


@compiled
def shared(items: Rows, fellow: np.ndarray, user: int, i: int, clock: int) -> float:
    """Return how much the latest users of an item are the fellows, as a cosine."""
    if i >= items[0].size - 1:
        return 0.0
    begin = int(items[0][i])
    end = before(items[2], begin, int(items[0][i + 1]), clock)
    begin = max(begin, end - FELLOWS)
    together = 0.0
    for e in range(begin, end):
        if items[1][e] != user:
            together += float(fellow[items[1][e]])
    return together / math.sqrt(max(end - begin, 1))
