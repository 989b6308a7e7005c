"""Where a query began, and what it has reached."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.kernels.keyed_rng import Keys, nth_child_keys, root_keys

START = "start"
"""In every frame the id of the node that the query began at."""


class Begun(NamedTuple):
    """Where a query began.

    Attributes:
        type: Type of the nodes.
        node: Their rows.
        clock: Tick of each, ``NOW`` to see everything; none if not said.
    """

    type: str
    node: Int32[np.ndarray, " starts"]
    clock: Int64[np.ndarray, " starts"] | None


class Traversers(NamedTuple):
    """Nodes that a query reached.

    Attributes:
        origin: Number of the start that each was reached from.
        node: Their rows.
        clock: Tick of each.
        slot: Place of the edge that led to each, -1 less its place among the reversed
            edges where a hop both ways went against it.
    """

    origin: Int64[np.ndarray, " n"]
    node: Int32[np.ndarray, " n"]
    clock: Int64[np.ndarray, " n"] | None
    slot: Int64[np.ndarray, " n"]


def random_keys(seed: int, starts: int, origin: Int64[np.ndarray, " n"] | None) -> Keys:
    """Return a key for each node reached, by its start and its place from there.

    Args:
        seed: Of the keys.
        starts: How many starts there are.
        origin: Number of the start of each; none where the query is at its starts.
    """
    keys = root_keys(seed, 0, starts)
    if origin is None:
        return keys
    order = np.argsort(origin, kind="stable")
    first = np.searchsorted(origin[order], origin[order])
    place = np.empty(len(origin), np.int64)
    place[order] = np.arange(len(origin)) - first
    return nth_child_keys(keys[origin], place)
