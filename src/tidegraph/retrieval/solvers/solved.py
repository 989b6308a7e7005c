"""What a solver answers: vectors of users and items."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from tidegraph.graph.from_log import ITEM, USER
from tidegraph.graph.static import StaticGraph


@dataclass(frozen=True, eq=False)
class Solved:
    """Vectors whose products score items.

    Attributes:
        user: Vectors of users; of no row where a user is only their history.
        source: Vectors of the items of a history, of which a user without a vector has
            the mean.
        target: Vectors of the items that are scored.
    """

    user: Float32[np.ndarray, "users d"]
    source: Float32[np.ndarray, "items d"]
    target: Float32[np.ndarray, "items d"]

    @classmethod
    def of_nodes(
        cls, graph: StaticGraph, source: np.ndarray, target: np.ndarray
    ) -> "Solved":
        """Divide the vectors of all nodes of a graph, or of its items, (n, d)."""
        source, target = (
            np.ascontiguousarray(part, np.float32) for part in (source, target)
        )
        items = graph.size(ITEM)
        users = graph.size(USER) if USER in graph.first else 0
        return cls(source[items : items + users], source[:items], target[:items])
