"""The latest neighbours before a clock."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.compiled import compiled, over_rows
from tidegraph.errors import ConfigError
from tidegraph.graph.neighbors import Neighbors
from tidegraph.graph.sampled import NO_NODE, Sampled


@dataclass(frozen=True)
class Recent:
    """The latest events of each node strictly before its clock, oldest first.

    Attributes:
        count: How many at most.
    """

    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"recent({self.count}) draws nothing; at least 1.")

    def __call__(
        self,
        neighbors: Neighbors,
        nodes: Int32[np.ndarray, " q"],
        clocks: Int64[np.ndarray, " q"],
    ) -> Sampled:
        """Return them; a row outside the graph has none."""
        shape = (len(nodes), self.count)
        out = Sampled(
            np.empty(shape, np.int32),
            np.empty(shape, np.int64),
            np.empty(shape, np.float32),
            np.empty(shape, np.bool_),
        )
        csr = (neighbors.ptr, neighbors.node, neighbors.time, neighbors.weight)
        over_rows(
            lambda a, b: _latest(*csr, nodes, clocks, *out, a, b),
            len(nodes),
            grain=1024,
        )
        return out


@compiled
def _latest(
    ptr: np.ndarray,
    neighbor: np.ndarray,
    when: np.ndarray,
    strength: np.ndarray,
    nodes: np.ndarray,
    clocks: np.ndarray,
    node: np.ndarray,
    time: np.ndarray,
    weight: np.ndarray,
    mask: np.ndarray,
    first: int,
    last: int,
) -> None:
    width = node.shape[1]
    for q in range(first, last):
        v = nodes[q]
        found, stop = 0, 0
        if 0 <= v < ptr.size - 1:
            low, stop = ptr[v], ptr[v + 1]
            start = low
            while low < stop:
                middle = (low + stop) >> 1
                if when[middle] < clocks[q]:
                    low = middle + 1
                else:
                    stop = middle
            found = min(width, stop - start)
        for j in range(found):
            at = stop - found + j
            node[q, j] = neighbor[at]
            time[q, j] = when[at]
            weight[q, j] = strength[at]
            mask[q, j] = True
        for j in range(found, width):
            node[q, j] = NO_NODE
            time[q, j] = 0
            weight[q, j] = 0
            mask[q, j] = False
