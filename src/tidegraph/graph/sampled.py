"""What a hop brings: a dense batch of neighbours with a mask, and who may draw it."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from tidegraph.graph.neighbors import Neighbors

NO_NODE = -1
"""Stands where there is no neighbour, next to a mask that says so."""


class Sampled(NamedTuple):
    """Neighbours of several nodes, one row each, padded at the end.

    Attributes:
        node: The neighbours, ``NO_NODE`` where there is none.
        time: Unix seconds of the event that leads there, 0 where there is none.
        weight: Strength of that event, 0 where there is none.
        mask: Is there a neighbour?
    """

    node: Int32[np.ndarray, "q k"]
    time: Int64[np.ndarray, "q k"]
    weight: Float32[np.ndarray, "q k"]
    mask: Bool[np.ndarray, "q k"]


@runtime_checkable
class Sampler(Protocol):
    """Draws neighbours of nodes as of a clock each; a frozen, hashable value."""

    def __call__(
        self,
        neighbors: Neighbors,
        nodes: Int32[np.ndarray, " q"],
        clocks: Int64[np.ndarray, " q"],
    ) -> Sampled:
        """Return neighbours met strictly before each node's clock."""
        ...
