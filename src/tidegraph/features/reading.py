"""What the inputs of some requests are read from, laid out for kernels."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.graph.from_log import ACTION
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.kernels.jit import compiled, sealed
from tidegraph.kernels.ragged import latest_places, ranges, starts, values_at
from tidegraph.stages import NO_ITEM, Requests
from tidegraph.stages.evidence import EvidentRows


class Rows(NamedTuple):
    """Events of several rows, each row rising in time.

    Attributes:
        start: Where each row starts.
        stop: Where it stops.
        node: The other end of each event.
        time: When it was.
    """

    start: Int64[np.ndarray, " rows"]
    stop: Int64[np.ndarray, " rows"]
    node: Int32[np.ndarray, " events"]
    time: np.ndarray


@dataclass(frozen=True, eq=False)
class Origin:
    """Where in the graph what is read for some requests lies.

    Attributes:
        requests: Users, clocks and histories.
        rows: Which of them are read; all if none.
        item: Row of each item that is numbered anew; none where they keep their own.
    """

    requests: Requests
    rows: Int64[np.ndarray, " b"] | None
    item: Int32[np.ndarray, " read"] | None

    @property
    def graph(self) -> Snapshot:
        """Everything that happened."""
        return self.requests.graph

    @cached_property
    def edge(self) -> Int64[np.ndarray, " events"]:
        """Number of the action that each event of the histories is.

        -1 of a history in place of a user, of which nothing more is known.
        """
        requests, rows = self.requests, self.rows
        history, user, time = requests.positive.history, requests.user, requests.time
        if rows is not None:
            history, user, time = history.at(rows), user[rows], time[rows]
        edges = self.graph[ACTION]
        start, stop = edges.span_before(user, time)
        number = edges.edge
        if requests.positive is not requests:
            slot, start, stop = EvidentRows.of_histories(edges, start, stop)
            number = number[slot]
        out = np.full(len(history.node), -1, np.int64)
        own = np.flatnonzero(stop - start == np.diff(history.ptr))
        ptr = starts((stop - start)[own])
        out[ranges(history.ptr[own], ptr)] = number[ranges(start[own], ptr)]
        return out


class PastView(NamedTuple):
    """Requests, their candidates, and the pasts of the items that are read for them.

    Items are numbered anew where they are few beside all, so that a request costs what
    it reads, not what the catalogue holds. Times are ticks of the graph. None of the
    arrays can be written, so that kernels are compiled for one kind of them.

    Attributes:
        history: The events of each request that are evidence, all before its clock.
        items: Everybody's events with each item but returns, whenever they were.
        user: Who asks, -1 where the graph does not hold them.
        clock: When.
        item: Candidates of each, ``NO_ITEM`` where there is none.
        category: Category of each item, -1 where it has none.
        base: The tick that is time 0 of these.
        origin: Where in the graph they lie.
    """

    history: Rows
    items: Rows
    user: Int32[np.ndarray, " b"]
    clock: Int64[np.ndarray, " b"]
    item: Int32[np.ndarray, "b k"]
    category: Int32[np.ndarray, " read"]
    base: int
    origin: Origin

    @classmethod
    def of(
        cls,
        requests: Requests,
        item: Int32[np.ndarray, "b k"],
        category: Int32[np.ndarray, " items"],
        rows: Int64[np.ndarray, " b"] | None = None,
    ) -> "PastView":
        """Return what is read for candidates of requests.

        Args:
            requests: Users, clocks and histories.
            item: Candidates of each.
            category: Category of each item of the graph; later ones have none.
            rows: Which of the requests the candidates are of; all if left out.
        """
        edges, history = requests.graph[f"~{ACTION}"], requests.positive.history
        user, clock = requests.user, requests.time
        if rows is not None:
            # Of the others nothing is read: their histories cost nothing.
            history, user, clock = history.at(rows), user[rows], clock[rows]
        # Like the times of the graph: seconds since its base.
        node, time, clock = history.node, history.time - edges.base, clock - edges.base
        read = None
        if len(node) + item.size >= len(edges):
            start, stop = edges.start, edges.stop
        else:
            present = item != NO_ITEM
            read, place = np.unique(
                np.concatenate([node, item[present]]), return_inverse=True
            )
            place = place.astype(np.int32)
            among = np.full(item.shape, NO_ITEM, np.int32)
            among[present] = place[len(node) :]
            node, item = place[: len(node)], among
            start, stop = edges.span(read)
            kind = np.full(len(read), -1, np.int32)
            known = read < len(category)
            kind[known] = category[read[known]]
            category = kind
        own = Rows(*sealed(history.ptr[:-1], history.ptr[1:], node, time))
        items = rows_without_returns(edges, start, stop)
        user, clock = sealed(user, clock)
        item, category = sealed(item, category)
        origin = Origin(requests, rows, read)
        return cls(own, items, user, clock, item, category, edges.base, origin)

    def at_events(
        self, row: Int64[np.ndarray, " n"], event: Int64[np.ndarray, " n"]
    ) -> "PastView":
        """Return what was known just before some events: each a request of one item.

        Args:
            row: The request in whose history each event is.
            event: Its place among the events of ``history``.
        """
        history, clock = self.history, self.history.time[event]
        stop = np.empty(len(row), np.int64)
        _ends_before(history.time, history.start[row], event, clock, stop)
        start, stop = sealed(history.start[row], stop)
        before = history._replace(start=start, stop=stop)
        item = history.node[event][:, None]
        user, clock, item = sealed(self.user[row], clock, item)
        return self._replace(history=before, user=user, clock=clock, item=item)

    def some(self, start: int, stop: int) -> "PastView":
        """Return what is read for some consecutive requests; no copy."""
        own, part = self.history, slice(start, stop)
        return self._replace(
            history=own._replace(start=own.start[part], stop=own.stop[part]),
            user=self.user[part],
            clock=self.clock[part],
            item=self.item[part],
        )


def rows_without_returns(
    edges: TemporalCSR,
    start: Int64[np.ndarray, " rows"],
    stop: Int64[np.ndarray, " rows"],
) -> Rows:
    """Return the edges of some rows without returns. Without any nothing is copied."""
    if edges.least_weight > 0:
        return Rows(*sealed(start, stop, edges.node, edges.time))
    slot, start, stop = EvidentRows.without_returns(edges, start, stop)
    return Rows(*sealed(start, stop, edges.node[slot], edges.time[slot]))


@compiled
def _ends_before(
    time: np.ndarray,
    start: np.ndarray,
    event: np.ndarray,
    clock: np.ndarray,
    stop: np.ndarray,
) -> None:
    """Write where the events of a row end that are strictly before one of them."""
    for n in range(event.size):
        end = event[n]
        while end > start[n] and time[end - 1] >= clock[n]:
            end -= 1
        stop[n] = end


def latest_history_items(history: Rows, count: int) -> Int32[np.ndarray, "b h"]:
    """Return the items of the latest events of each row, the latest first, or -1."""
    place = latest_places(history.start, history.stop, count)
    return values_at(history.node, place, NO_ITEM)
