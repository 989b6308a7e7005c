"""Rows of tables for candidates and for the latest events of a history."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64

from tidegraph.graph.from_log import ACTION
from tidegraph.stages import Requests

GAPS = 12
"""Buckets of the age of an event: floor(log2(days + 1)), the last one open."""


class Steps(NamedTuple):
    """The latest events of some requests, the latest first.

    Attributes:
        item: The item of each, -1 where there is none.
        rows: Table rows of item and category, 0 for unknown or no event.
        age: Bucket of the age.
        mask: Where there is an event.
    """

    item: Int32[np.ndarray, "b h"]
    rows: Int64[np.ndarray, "b h 2"]
    age: Int64[np.ndarray, "b h"]
    mask: Bool[np.ndarray, "b h"]


@dataclass(frozen=True, eq=False)
class Tables:
    """How items become rows of tables, whose row 0 stands for the unknown.

    Attributes:
        items: How many items are known.
        category: Category of each item, -1 where it has none.
        users: How many users are known.
    """

    items: int
    category: Int32[np.ndarray, " items"]
    users: int = 0

    @property
    def categories(self) -> int:
        """How many categories there are."""
        return int(self.category.max(initial=-1)) + 1

    def rows(self, item: Int32[np.ndarray, "b n"]) -> Int64[np.ndarray, "b n 2"]:
        """Return the rows of items and of their categories."""
        known = (item >= 0) & (item < self.items)
        held = (item >= 0) & (item < len(self.category))
        kind = np.full(item.shape, -1, np.int32)
        kind[held] = self.category[item[held]]
        return np.stack([np.where(known, item, -1), kind], axis=2).astype(np.int64) + 1

    def user_rows(self, user: Int32[np.ndarray, " n"]) -> Int64[np.ndarray, "n 1"]:
        """Return the rows of users."""
        known = (user >= 0) & (user < self.users)
        return np.where(known, user, -1).astype(np.int64)[:, None] + 1

    def steps(
        self, requests: Requests, rows: Int64[np.ndarray, " b"], count: int
    ) -> Steps:
        """Return the latest ``count`` events of some of the requests."""
        history = requests.history
        at = history.ptr[rows + 1][:, None] - 1 - np.arange(count)
        mask = at >= history.ptr[rows][:, None]
        item = np.full(at.shape, -1, np.int32)
        item[mask] = history.node[at[mask]]
        time = np.broadcast_to(requests.time[rows][:, None], at.shape).copy()
        days = np.zeros(at.shape)
        days[mask] = (time[mask] - history.time[at[mask]]) / 86_400
        age = np.floor(np.log2(np.maximum(days, 0) + 1)).astype(np.int64)
        return Steps(item, self.rows(item), np.minimum(age, GAPS - 1), mask)


def known_before(requests: Requests, edge: str = f"~{ACTION}") -> int:
    """Return how many rows of items had an action before the last of the requests.

    Rows are by first appearance, so what comes later cannot change their number.

    Args:
        requests: Requests, each at its time.
        edge: The edges of the nodes that are counted; ``action`` counts users.
    """
    edges = requests.graph[edge]
    nodes = np.arange(len(edges), dtype=np.int32)
    latest = np.full(len(nodes), requests.time.max(initial=0), np.int64)
    start, stop = edges.span_before(nodes, latest)
    return int(np.flatnonzero(stop > start).max(initial=-1)) + 1
