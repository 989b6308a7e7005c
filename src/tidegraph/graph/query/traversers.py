"""Where a query began, and what it has reached."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

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


class Reached(NamedTuple):
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
