"""How alike a candidate and the items of a history are, as of the request's time.

Nothing is learnt: two items are alike if the same other users met them lately. So an
item that appeared yesterday is known today, and no request reads its own future.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.compiled import compiled, over_rows
from tidegraph.graph.neighbors import Histories
from tidegraph.graph.temporal import ACTION
from tidegraph.stages import NO_ITEM, Requests

MOST = 64
"""How many items of a history can be compared: one bit of a word each."""

# Multiplying a lone bit by this number puts its place into the top six bits.
_LONE_BIT = np.uint64(0x03F79D71B4CB0A89)
_PLACE = np.zeros(64, np.int64)
for _bit in range(64):
    _PLACE[((int(_LONE_BIT) << _bit) % 2**64) >> 58] = _bit


@dataclass(frozen=True, eq=False)
class Recent:
    """The latest distinct items of each history, newest first.

    Attributes:
        item: Rows of items; ``NO_ITEM`` fills the end of a row.
        time: When each was last met, in Unix seconds; 0 where there is none.
    """

    item: Int32[np.ndarray, "b steps"]
    time: Int64[np.ndarray, "b steps"]

    @classmethod
    def of(cls, history: Histories, limit: int) -> "Recent":
        """Take up to ``limit`` distinct items from the end of each history."""
        item = np.full((len(history), limit), NO_ITEM, np.int32)
        time = np.zeros((len(history), limit), np.int64)
        over_rows(
            lambda a, b: _latest(
                history.ptr, history.node, history.time, item, time, a, b
            ),
            len(history),
        )
        return cls(item, time)


@dataclass(frozen=True, eq=False)
class Cooccurrence:
    """How the users of each candidate overlap with those of each history item.

    Attributes:
        cosine: Shared users over the geometric mean of both numbers of users.
        repeats: Share of the candidate's latest actions by users who had met it
            already among them.
    """

    cosine: Float32[np.ndarray, "b k steps"]
    repeats: Float32[np.ndarray, "b k"]

    @classmethod
    def at(
        cls,
        requests: Requests,
        item: Int32[np.ndarray, "b k"],
        recent: Int32[np.ndarray, "b steps"],
        window: int,
    ) -> "Cooccurrence":
        """Compare as of each request's time; the requester is not counted.

        Args:
            requests: Whose clocks and users count.
            item: Candidates; ``NO_ITEM`` is like nothing.
            recent: Items of the history, at most ``MOST``.
            window: How many latest actions on an item count; they bound the work.
        """
        cosine = np.zeros((*item.shape, recent.shape[1]), np.float32)
        repeats = np.zeros(item.shape, np.float32)
        met_by = requests.graph[f"~{ACTION}"]
        over_rows(
            lambda a, b: _compare(
                (met_by.ptr, met_by.node, met_by.time),
                len(requests.graph.users),
                requests.user,
                requests.time,
                item,
                recent,
                window,
                cosine,
                repeats,
                a,
                b,
            ),
            len(requests),
            grain=32,
        )
        return cls(cosine, repeats)


@compiled
def _latest(
    ptr: np.ndarray,
    node: np.ndarray,
    when: np.ndarray,
    item: np.ndarray,
    time: np.ndarray,
    first: int,
    last: int,
) -> None:
    for row in range(first, last):
        found = 0
        for e in range(ptr[row + 1] - 1, ptr[row] - 1, -1):
            if found == item.shape[1]:
                break
            fresh = node[e] >= 0
            for j in range(found):
                fresh = fresh and item[row, j] != node[e]
            if fresh:
                item[row, found], time[row, found] = node[e], when[e]
                found += 1


@compiled
def lately(
    ptr: np.ndarray, time: np.ndarray, i: int, clock: int, window: int
) -> tuple[int, int]:
    """Return where the last ``window`` events of ``i`` before ``clock`` are."""
    if i < 0 or i >= ptr.size - 1:
        return 0, 0
    start = ptr[i]
    stop = start + int(np.searchsorted(time[start : ptr[i + 1]], clock))
    return max(start, stop - window), stop


@compiled
def _compare(
    met_by: tuple[np.ndarray, np.ndarray, np.ndarray],
    num_users: int,
    user: np.ndarray,
    clock: np.ndarray,
    item: np.ndarray,
    recent: np.ndarray,
    window: int,
    cosine: np.ndarray,
    repeats: np.ndarray,
    first: int,
    last: int,
) -> None:
    ptr, node, time = met_by
    steps = recent.shape[1]
    marks = np.zeros(num_users, np.uint64)
    met = np.full(num_users, -1, np.int64)
    size = np.zeros(steps, np.int64)
    shared = np.zeros(steps, np.int64)
    serial = 0
    for row in range(first, last):
        for j in range(steps):
            size[j] = 0
            bit = np.uint64(1) << np.uint64(j)
            start, stop = lately(ptr, time, recent[row, j], clock[row], window)
            for e in range(start, stop):
                if node[e] != user[row] and not marks[node[e]] & bit:
                    marks[node[e]] |= bit
                    size[j] += 1
        for c in range(item.shape[1]):
            serial += 1
            users, again = 0, 0
            shared[:] = 0
            start, stop = lately(ptr, time, item[row, c], clock[row], window)
            for e in range(start, stop):
                u = node[e]
                if u == user[row]:
                    continue
                if met[u] == serial:
                    again += 1
                    continue
                met[u] = serial
                users += 1
                mark = marks[u]
                while mark:
                    rest = mark & (mark - np.uint64(1))
                    shared[_PLACE[((mark ^ rest) * _LONE_BIT) >> np.uint64(58)]] += 1
                    mark = rest
            if users:
                repeats[row, c] = again / (users + again)
            for j in range(steps):
                if shared[j]:
                    cosine[row, c, j] = shared[j] / np.sqrt(float(users * size[j]))
        for j in range(steps):
            start, stop = lately(ptr, time, recent[row, j], clock[row], window)
            for e in range(start, stop):
                marks[node[e]] = np.uint64(0)
