"""Who asks, when, what is known of them by then, and what must not be answered."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.arguments import whole
from tidegraph.errors import RequestError
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.histories import Histories


@dataclass(frozen=True, eq=False)
class Excluded:
    """Items that must not be answered, per request, laid end to end.

    Attributes:
        ptr: Where each request's items start; one more entry than there are requests.
        item: Rows of items, in any order, perhaps repeated.
    """

    ptr: Int64[np.ndarray, " starts"]
    item: Int32[np.ndarray, " entries"]

    @classmethod
    def none(cls, requests: int) -> "Excluded":
        """Exclude nothing."""
        return cls(np.zeros(requests + 1, np.int64), np.zeros(0, np.int32))

    def rows(self, start: int, stop: int) -> "Excluded":
        """Return what some consecutive requests exclude."""
        ptr = self.ptr[start : stop + 1]
        entries = slice(int(ptr[0]), int(ptr[-1])) if len(ptr) else slice(0, 0)
        return Excluded(ptr - ptr[:1], self.item[entries])

    def and_also(self, other: "Excluded") -> "Excluded":
        """Return what either excludes, request by request."""
        if not len(other.item):
            return self
        if not len(self.item):
            return other
        sizes = [np.diff(x.ptr) for x in (self, other)]
        owner = np.concatenate([np.repeat(np.arange(len(n)), n) for n in sizes])
        order = np.argsort(owner, kind="stable")
        item = np.concatenate([self.item, other.item])[order]
        return Excluded(self.ptr + other.ptr, item)


@dataclass(frozen=True, eq=False)
class Requests:
    """Who asks, when, and what is known of them by then.

    Attributes:
        graph: Everything that happened; a stage reads it only before each ``time``.
        user: Row of the user in the graph, -1 for a user it does not hold.
        time: Unix seconds; the answer depends only on strictly earlier events.
        history: The requester's own actions (as items) strictly before ``time``.
        excluded: Items that must not be answered.
    """

    graph: Snapshot
    user: Int32[np.ndarray, " b"]
    time: Int64[np.ndarray, " b"]
    history: Histories
    excluded: Excluded

    @classmethod
    def of_users(
        cls,
        graph: Snapshot,
        user: Int32[np.ndarray, " b"],
        time: Int64[np.ndarray, " b"],
        *,
        repeat: bool = True,
    ) -> "Requests":
        """Ask for users of the graph, each at its own time.

        Args:
            graph: Where their histories are.
            user: Rows of users; -1 for one with no history.
            time: Unix seconds of each request.
            repeat: May items of the history be recommended again?
        """
        history = graph[ACTION].before(user, time)
        asked = cls(graph, user, time, history, Excluded.none(len(user)))
        return asked if repeat else asked.without_history()

    def without_history(self) -> "Requests":
        """Return the same requests, excluding also what each user already met."""
        return self.excluding(Excluded(self.history.ptr, self.history.node))

    def excluding(self, items: Excluded) -> "Requests":
        """Return the same requests, which must not be answered ``items`` either."""
        return replace(self, excluded=self.excluded.and_also(items))

    def __len__(self) -> int:
        return len(self.user)

    def rows(self, start: int, stop: int) -> "Requests":
        """Return some consecutive requests; work in blocks to bound memory."""
        return replace(
            self,
            user=self.user[start:stop],
            time=self.time[start:stop],
            history=self.history.rows(start, stop),
            excluded=self.excluded.rows(start, stop),
        )


def check_k(k: object) -> int:
    """Return ``k`` if a list can be that long.

    Raises:
        RequestError: ``k`` is not a whole number, or below 1.
    """
    length = whole(k, "k")
    if length < 1:
        raise RequestError(
            f"k is {length}, but a list has at least 1 item. Ask for k >= 1."
        )
    return length
