"""Who has an edge to whom, so that it is no negative."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from tidegraph.kernels.jit import compiled
from tidegraph.kernels.ragged import owners
from tidegraph.kernels.sparse_rows import SparseRows, find_entry
from tidegraph.kernels.tables.noise import Noise
from tidegraph.nn.graph_inputs import GraphInputs


@dataclass(frozen=True, eq=False)
class Linked:
    """Which source has an edge to which target.

    Attributes:
        rows: The neighbours of each node, increasing.
    """

    rows: SparseRows

    @classmethod
    def of(cls, graph: GraphInputs) -> "Linked":
        """Return the edges of a graph; takes linear time where neighbours increase."""
        row, column = graph.row.numpy(), graph.column.numpy()
        ptr = np.searchsorted(row, np.arange(graph.nodes + 1)).astype(np.int64)
        key = row * graph.nodes + column
        if not bool((key[1:] > key[:-1]).all()):
            column = column[np.argsort(key, kind="stable")]
        weight = np.ones(len(column), np.float32)
        return cls(SparseRows(ptr, column.astype(np.int32), weight, graph.nodes))

    def has(
        self, source: Int64[np.ndarray, " b"], target: Int64[np.ndarray, "b n"]
    ) -> Bool[np.ndarray, "b n"]:
        """Return which targets the source of their row has an edge to."""
        out = np.zeros(target.shape, np.bool_)
        _mark_linked(self.rows.ptr, self.rows.column, source, target, out)
        return out

    def share(self, noise: Noise) -> Float64[np.ndarray, " nodes"]:
        """Return how likely a draw is a target that each source has an edge to."""
        source, weight = owners(self.rows.ptr), noise.share[self.rows.column]
        return np.bincount(source, weight, minlength=len(self.rows))


@compiled
def _mark_linked(
    ptr: np.ndarray,
    column: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    out: np.ndarray,
) -> None:
    for b in range(source.size):
        for n in range(target.shape[1]):
            out[b, n] = find_entry(ptr, column, source[b], target[b, n]) >= 0
