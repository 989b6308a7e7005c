"""What was known of the events of a history just before each of them."""

from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.features.columns import Features
from tidegraph.features.reading import PastView, latest_events
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import NO_ITEM, Requests

BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class StepNumbers:
    """The shared inputs of the latest events of some requests, each event once.

    An event gets what a candidate would have got at its time: the inputs of its user
    and its item, read strictly before it.

    Attributes:
        place: Row of ``values`` of each event, the latest first; the last row where
            there is none.
        values: The inputs of different events, standardised; the last row is 0.
    """

    place: Int32[np.ndarray, "b h"]
    values: Float32[np.ndarray, "n m"]

    @classmethod
    def of(cls, features: Features, requests: Requests, count: int) -> "StepNumbers":
        """Read the latest events of some requests.

        Args:
            features: Which inputs; none where the group ``events`` is off.
            requests: Users, clocks and histories.
            count: How many events of each.
        """
        width = len(features.event_names)
        if not width or not count:
            nothing = np.zeros((len(requests), count), np.int32)
            return cls(nothing, np.zeros((1, width), np.float32))
        nobody = np.full((len(requests), 0), NO_ITEM, np.int32)
        past = PastView.of(requests, nobody, features.category)
        event = latest_events(past.history, count)
        row, _ = np.nonzero(event >= 0)
        at = event[event >= 0]
        # Requests of one user share events; a history without a user is its own.
        owner = np.where(requests.user >= 0, requests.user, -1 - np.arange(len(event)))
        key = (owner[row].astype(np.int64) << 32) + at - past.history.start[row]
        _, first, place = np.unique(key, return_index=True, return_inverse=True)
        values = features.of_events(past.at_events(row[first], at[first]))
        found = np.full(event.shape, len(values), np.int32)
        found[event >= 0] = place
        return cls(found, np.pad(values, ((0, 1), (0, 0))))

    def rows(self, rows: Int64[np.ndarray, " r"]) -> Float32[np.ndarray, "r h m"]:
        """Return the inputs of the events of some of the requests."""
        return self.values[self.place[rows]]


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


class EdgeNumbers:
    """The shared inputs of the events of a graph, each read once.

    What was known before an event does not change: what one batch has read the next one
    has, and what was read before an event was observed is there after it. Several
    threads may read at once.

    Args:
        features: Which inputs.
    """

    def __init__(self, features: Features) -> None:
        self.features = features
        self._values = np.zeros((0, len(features.event_names)), np.float32)
        self._held = Events(*(np.full(0, -1, kind) for kind in _KINDS))
        self._lock = Lock()

    def of(self, graph: Snapshot, events: Events) -> Float32[np.ndarray, "n m"]:
        """Return what was known of users and items just before events, standardised."""
        with self._lock:
            self._make_room(int(events.number.max(initial=-1)) + 1)
            held = self._held.at(events.number)
            # Numbers are given anew where events were erased.
            new = (held.time != events.time) | (held.user != events.user)
            new = np.flatnonzero(new | (held.item != events.item))
            _, first = np.unique(events.number[new], return_index=True)
            for start in range(0, len(first), BLOCK):
                self._read(graph, events.at(new[first[start : start + BLOCK]]))
            return self._values[events.number]

    def _read(self, graph: Snapshot, events: Events) -> None:
        requests = Requests.of_users(graph, events.user, events.time)
        past = PastView.of(requests, events.item[:, None], self.features.category)
        self._values[events.number] = self.features.of_events(past)
        for held, part in zip(self._held, events, strict=True):
            held[events.number] = part

    def _make_room(self, size: int) -> None:
        if size <= len(self._values):
            return
        more = max(size, 2 * len(self._values)) - len(self._values)
        self._values = np.pad(self._values, ((0, more), (0, 0)))
        self._held = Events(
            *(np.pad(part, (0, more), constant_values=-1) for part in self._held)
        )


_KINDS = (np.int64, np.int32, np.int32, np.int64)
