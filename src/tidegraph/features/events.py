"""What was known of the events of a history just before each of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.features.columns import Features
from tidegraph.features.reading import PastView
from tidegraph.kernels.ragged import latest_places
from tidegraph.stages import NO_ITEM, Requests


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
            return cls.none(len(requests), count, width)
        nobody = np.full((len(requests), 0), NO_ITEM, np.int32)
        past = PastView.of(requests, nobody, features.category)
        event = latest_places(past.history.start, past.history.stop, count)
        row, _ = np.nonzero(event >= 0)
        at = event[event >= 0]
        # Requests of one user share events; a history without a user is its own, and
        # so are those of which events were undone, since when a request tells of which.
        shared = requests.user >= 0
        shared &= requests.positive is requests
        owner = np.where(shared, requests.user, -1 - np.arange(len(event)))
        key = (owner[row].astype(np.int64) << 32) + at - past.history.start[row]
        _, first, place = np.unique(key, return_index=True, return_inverse=True)
        values = features.of_events(past.at_events(row[first], at[first]))
        found = np.full(event.shape, len(values), np.int32)
        found[event >= 0] = place
        return cls(found, np.pad(values, ((0, 1), (0, 0))))

    @classmethod
    def none(cls, requests: int, count: int, width: int = 0) -> "StepNumbers":
        """Return what is the same of every event: zeros, or no columns at all.

        Args:
            requests: How many there are.
            count: How many events of each.
            width: Columns of an event.
        """
        nothing = np.zeros((requests, count), np.int32)
        return cls(nothing, np.zeros((1, width), np.float32))

    def rows(self, rows: Int64[np.ndarray, " r"]) -> Float32[np.ndarray, "r h m"]:
        """Return the inputs of the events of some of the requests."""
        return self.values[self.place[rows]]
