"""Requests: users, their clocks, their histories by then, and items to leave out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.arguments import whole
from tidegraph.errors import RequestError
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.histories import Histories
from tidegraph.graph.times import TICKS
from tidegraph.stages.choice import Choice
from tidegraph.stages.evidence import positive_history
from tidegraph.stages.item_sets import ItemSets


@dataclass(frozen=True, eq=False)
class Requests:
    """Users, the clock of each, and what is known of them by then.

    Attributes:
        graph: Everything that happened; a stage reads it only before each ``time``.
        user: Row of the user in the graph, -1 for a user it does not hold.
        time: Unix seconds; the answer depends only on strictly earlier events.
        history: The requester's own actions (as items) strictly before ``time``, which
            is the first hop of a plan that starts from ``seeds``.
        hidden: Items that must not be answered.
        only: Items of which alone may be answered; any if none.

    Raises:
        RequestError: The graph counts other ticks than seconds.
    """

    graph: Snapshot
    user: Int32[np.ndarray, " b"]
    time: Int64[np.ndarray, " b"]
    history: Histories
    hidden: ItemSets
    only: ItemSets | None = None

    def __post_init__(self) -> None:
        if self.graph.tick != "s":
            raise RequestError(
                "the times of requests are Unix seconds, and this graph counts "
                f"{TICKS[self.graph.tick]}, so other pasts would be read. Ask "
                'graph.counted_in("s").'
            )

    def __repr__(self) -> str:
        said = f"{len(self):,} requests, {len(self.history.node):,} events of history"
        return f"{type(self).__name__}({said}, graph={self.graph!r})"

    @classmethod
    def of_users(
        cls,
        graph: Snapshot,
        user: Int32[np.ndarray, " b"],
        time: Int64[np.ndarray, " b"],
        *,
        repeat: bool = True,
    ) -> "Requests":
        """Return a request for each user of the graph, at its own time.

        Args:
            graph: Where their histories are.
            user: Rows of users; -1 for one with no history.
            time: Unix seconds of each request.
            repeat: May items of the history be recommended again?
        """
        history = graph[ACTION].histories(user, time)
        requests = cls(graph, user, time, history, ItemSets.none(len(user)))
        return requests if repeat else requests.without_history()

    @classmethod
    def concatenated(cls, parts: Sequence["Requests"]) -> "Requests":
        """Lay requests of one graph end to end.

        Raises:
            RequestError: Some may be answered of a choice of items, others of all.
        """
        only = [part.only for part in parts if part.only is not None]
        if len(only) not in (0, len(parts)):
            raise RequestError(
                "requests with a choice of items and requests without one cannot be "
                "concatenated. Give all of them a choice, or none."
            )
        return cls(
            parts[0].graph,
            np.concatenate([part.user for part in parts]),
            np.concatenate([part.time for part in parts]),
            Histories.concatenated([part.history for part in parts]),
            ItemSets.concatenated([part.hidden for part in parts]),
            ItemSets.concatenated(only) if only else None,
        )

    @cached_property
    def positive(self) -> "Requests":
        """The same, with what says that somebody wanted an item of each history.

        Neither a return is that nor what was sent back; see ``evidence``. Where there
        is none of these, the requests themselves.
        """
        history = positive_history(self.history)
        return self if history is self.history else replace(self, history=history)

    def seeds(
        self, seed: int = 0, *, rows: Int64[np.ndarray, " r"] | None = None
    ) -> Seeds:
        """Return the requesters as what a plan starts from, each at its own time.

        Somebody whom the graph does not hold starts with the history of the request, as
        a user who had it would.

        Args:
            seed: For plans that draw.
            rows: Some of the requests; all if left out.
        """
        user, time, history = self.user, self.time, self.history
        if rows is not None:
            user, time = user[rows], time[rows]
        given = None
        if bool((user < 0).any()):
            given = {ACTION: history if rows is None else history.at(rows)}
        return Seeds.of(user, time, seed=seed, given=given)

    def without_history(self) -> "Requests":
        """Return the same requests, excluding also the items of each history."""
        return self.excluding(ItemSets(self.history.ptr, self.history.node))

    def without_erased(self) -> "Requests":
        """Return the same requests, excluding also the items that have no id."""
        gone = self.graph.items.erased()
        if not len(gone):
            return self
        ptr = np.arange(len(self) + 1, dtype=np.int64) * len(gone)
        return self.excluding(ItemSets(ptr, np.tile(gone, len(self))))

    def excluding(self, items: ItemSets) -> "Requests":
        """Return the same requests, which must not be answered ``items`` either."""
        return replace(self, hidden=self.hidden.and_also(items))

    def choosing(self, items: ItemSets) -> "Requests":
        """Return the same requests, which must not be answered but from ``items``."""
        return replace(self, only=items)

    @cached_property
    def excluded(self) -> ItemSets:
        """What must not be answered: hidden items, and all but those of ``only``.

        Of a choice of few items that takes the catalogue; see ``choice``.
        """
        if self.only is None:
            return self.hidden
        return self.hidden.and_also(self.only.others(len(self.graph.items)))

    def choice(self, items: int) -> Choice | None:
        """Return what the requests may be answered of so many items; none if all."""
        if self.only is None:
            return None
        return Choice.of(self.only, self.hidden, items)

    def __len__(self) -> int:
        return len(self.user)

    @property
    def latest(self) -> int:
        """Unix seconds of the last; the smallest integer if there is none."""
        return int(self.time.max(initial=np.iinfo(np.int64).min))

    def rows(self, start: int, stop: int) -> "Requests":
        """Return some consecutive requests; work in blocks to bound memory."""
        return replace(
            self,
            user=self.user[start:stop],
            time=self.time[start:stop],
            history=self.history.rows(start, stop),
            hidden=self.hidden.rows(start, stop),
            only=None if self.only is None else self.only.rows(start, stop),
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
