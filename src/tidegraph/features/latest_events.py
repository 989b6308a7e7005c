"""The latest events of a history, one by one."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64

from tidegraph.durations import DAY
from tidegraph.nn.sequence.ages import age_bucket
from tidegraph.stages import NO_ITEM, Requests


class LatestEvents(NamedTuple):
    """The latest events of some requests, the latest first.

    Attributes:
        item: The item of each, -1 where there is none.
        age: Bucket of the age.
        mask: Where there is an event.
    """

    item: Int32[np.ndarray, "b h"]
    age: Int64[np.ndarray, "b h"]
    mask: Bool[np.ndarray, "b h"]

    @classmethod
    def of(
        cls, requests: Requests, rows: Int64[np.ndarray, " b"], count: int
    ) -> "LatestEvents":
        """Return the latest ``count`` events of some requests, without returns."""
        history = requests.positive.history
        at = history.ptr[rows + 1][:, None] - 1 - np.arange(count)
        mask = at >= history.ptr[rows][:, None]
        item = np.full(at.shape, NO_ITEM, np.int32)
        item[mask] = history.node[at[mask]]
        time = np.broadcast_to(requests.time[rows][:, None], at.shape)
        days = np.zeros(at.shape)
        days[mask] = (time[mask] - history.time[at[mask]]) / DAY
        return cls(item, age_bucket(days), mask)
