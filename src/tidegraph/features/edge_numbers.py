"""What was known just before the events of a graph, read once and kept."""

from threading import Lock
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from tidegraph.features.columns import Features
from tidegraph.features.reading import PastView
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.revisions import NEVER, Revisions
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.edge_store import EdgeStore
from tidegraph.stages import Requests

BLOCK = 1 << 16
"""Events that are read together, and rows that are made room for at a time."""
_NO_TIME = int(np.iinfo(np.int64).min)


class Events(NamedTuple):
    """Some events of a graph.

    Attributes:
        number: Number of each edge.
        user: Who acted.
        item: On what.
        time: When.
    """

    number: Int64[np.ndarray, " n"]
    user: Int32[np.ndarray, " n"]
    item: Int32[np.ndarray, " n"]
    time: Int64[np.ndarray, " n"]

    def at(self, rows: Int64[np.ndarray, " r"]) -> "Events":
        """Return some of the events."""
        return Events(*(part[rows] for part in self))


class _Block:
    """Room for the inputs of some events, and which events they are.

    Args:
        width: How many inputs an event has.
    """

    def __init__(self, width: int) -> None:
        self.values = np.empty((BLOCK, width), np.float32)
        self.user = np.empty(BLOCK, np.int32)
        self.item = np.empty(BLOCK, np.int32)
        self.time = np.full(BLOCK, _NO_TIME, np.int64)


class EdgeNumbers:
    """The shared inputs of the actions of a graph, each read once.

    What was known before an event does not change when more happens, so what one batch
    has read the next one has. It does change where an event came late or was erased:
    what was read of later events is forgotten then, and read anew. Takes room for what
    was read, and four bytes for each event of the graph. Several threads may read at
    once.

    Args:
        features: Which inputs.
    """

    def __init__(self, features: Features) -> None:
        self.features = features
        self._lock = Lock()
        self._drop_all(Revisions(0))

    def __reduce__(self) -> tuple[type["EdgeNumbers"], tuple[Features]]:
        """Copy and hand over what is read, not what has been."""
        return EdgeNumbers, (self.features,)

    def of(self, graph: Snapshot, events: Events) -> Float32[np.ndarray, "n m"]:
        """Return what was known of users and items just before events, standardised."""
        edges = graph.edge(ACTION)
        out = np.empty((len(events.number), len(self.features.event_names)), np.float32)
        with self._lock:
            known = self._write_cached(events, self._drop_outdated(edges), out)
        new = np.flatnonzero(~known)
        _, first, place = np.unique(
            events.number[new], return_index=True, return_inverse=True
        )
        for start in range(0, len(first), BLOCK):
            some = events.at(new[first[start : start + BLOCK]])
            values = self._read_inputs(graph, some)
            here = (place >= start) & (place < start + BLOCK)
            out[new[here]] = values[place[here] - start]
            with self._lock:
                self._cache_inputs(edges, some, values)
        return out

    def _read_inputs(
        self, graph: Snapshot, events: Events
    ) -> Float32[np.ndarray, "n m"]:
        requests = Requests.of_users(graph, events.user, events.time)
        past = PastView.of(requests, events.item[:, None], self.features.category)
        return self.features.of_events(past)

    def _drop_all(self, revisions: Revisions) -> None:
        self._revisions, self._used = revisions, 0
        # By edge number, one more than its row; 0 where nothing was read.
        self._row = np.zeros(0, np.int32)
        self._blocks = list[_Block]()

    def _drop_outdated(self, edges: EdgeStore) -> int:
        """Drop what late or erased edges made wrong; return until when the rest holds.

        A graph of before the last late event is not what later events were read in.
        """
        now = edges.revisions
        since = now.since(self._revisions)
        if since is None:
            older = self._revisions.since(now)
            if older is not None:
                return older
            self._drop_all(now)
        elif since < NEVER:
            for block in self._blocks:
                block.time[block.time > since] = _NO_TIME
        self._revisions = now
        return NEVER

    def _write_cached(
        self, events: Events, until: int, out: Float32[np.ndarray, "n m"]
    ) -> Bool[np.ndarray, " n"]:
        """Write the inputs that are cached; return of which events they are."""
        known = np.zeros(len(events.number), np.bool_)
        held = (events.number < len(self._row)) & (events.time <= until)
        inside = np.flatnonzero(held)
        row = self._row[events.number[inside]] - 1
        for n, of in _rows_by_block(row):
            block, here, at = self._blocks[n], inside[of], row[of] - n * BLOCK
            # Where a graph was numbered anew, a number may be another event's.
            same = block.time[at] == events.time[here]
            same &= block.user[at] == events.user[here]
            same &= block.item[at] == events.item[here]
            known[here[same]] = True
            out[here[same]] = block.values[at[same]]
        return known

    def _cache_inputs(
        self, edges: EdgeStore, events: Events, values: Float32[np.ndarray, "n m"]
    ) -> None:
        """Cache the inputs of events, but for what newer edges have made wrong."""
        right = np.flatnonzero(events.time <= self._drop_outdated(edges))
        number = events.number[right]
        self._make_room(max(edges.issued, int(number.max(initial=-1)) + 1))
        new = number[self._row[number] == 0]
        self._row[new] = np.arange(self._used + 1, self._used + 1 + len(new))
        self._used += len(new)
        while len(self._blocks) * BLOCK < self._used:
            self._blocks.append(_Block(values.shape[1]))
        row = self._row[number] - 1
        for n, here in _rows_by_block(row):
            block, at, of = self._blocks[n], row[here] - n * BLOCK, right[here]
            block.values[at] = values[of]
            block.user[at], block.item[at] = events.user[of], events.item[of]
            block.time[at] = events.time[of]

    def _make_room(self, size: int) -> None:
        if size > len(self._row):
            # Zeros that nobody has written on take neither time nor memory.
            held, self._row = self._row, np.zeros(2 * size, np.int32)
            self._row[: len(held)] = held


def _rows_by_block(
    row: Int32[np.ndarray, " rows"],
) -> list[tuple[int, Int64[np.ndarray, " _"]]]:
    """Return each block that rows lie in, and which do; -1 lies in none."""
    number = row // BLOCK
    used = np.flatnonzero(np.bincount(number[row >= 0]))
    return [(int(n), np.flatnonzero(number == n)) for n in used]
