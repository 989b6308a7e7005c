"""A power-law log of any size, as both directions of one type of edge."""

import time
from collections.abc import Callable

import numpy as np
import polars as pl

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.graph.nodes import Nodes
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.edge_store import EdgeStore

SPAN = 10**8
"""Seconds from the first to the last event."""


class Log:
    """Events in time order; a few nodes have many, most have few.

    Args:
        events: How many.
        users: How many users.
        items: How many items.
        seed: Of everything random.
    """

    def __init__(self, events: int, users: int, items: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.sizes = (users, items)
        self.user = (users * rng.power(2.5, events)).astype(np.int32) % users
        self.item = (items * rng.power(3.0, events)).astype(np.int32) % items
        self.time = np.sort(rng.integers(0, SPAN, events))

    def edges(self) -> EdgeStore:
        """Return both directions."""
        ends = ("user", "item")
        return EdgeStore.build(ends, (self.user, self.item), self.sizes, self.time)

    def graph(self, edges: EdgeStore) -> Snapshot:
        """Return the graph of the edges."""
        nodes = {
            name: Nodes(Vocabulary(pl.arange(0, size, eager=True)), name)
            for name, size in zip(("user", "item"), self.sizes, strict=True)
        }
        return Snapshot(nodes, {"click": edges})


def seconds(call: Callable[[], object], times: int = 7) -> float:
    """Return the median time of several calls, after one that is not counted."""
    return float(np.median(each([call] * times)))


def each(calls: list[Callable[[], object]]) -> list[float]:
    """Return the time of each call, after the first once uncounted."""
    calls[0]()
    spent: list[float] = []
    for call in calls:
        started = time.perf_counter()
        call()
        spent.append(time.perf_counter() - started)
    return spent
