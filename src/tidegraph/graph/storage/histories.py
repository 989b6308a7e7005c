"""The pasts of several nodes, laid end to end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.kernels.ragged import consecutive, end_to_end, ranges, starts


@dataclass(frozen=True, eq=False)
class Histories:
    """Events of several nodes laid end to end, oldest first within a node.

    Attributes:
        ptr: Where each node's events start; one more entry than there are nodes.
        node: The other end of each event.
        time: Tick of each event.
        weight: Strength of each event.
    """

    ptr: Int64[np.ndarray, " starts"]
    node: Int32[np.ndarray, " events"]
    time: Int64[np.ndarray, " events"]
    weight: Float32[np.ndarray, " events"]

    def __repr__(self) -> str:
        said = f"{len(self.ptr) - 1:,} nodes, {len(self.node):,} events in all"
        return f"{type(self).__name__}({said})"

    @classmethod
    def concatenated(cls, parts: Sequence["Histories"]) -> "Histories":
        """Lay the histories of several parts end to end."""
        return cls(
            end_to_end([part.ptr for part in parts]),
            np.concatenate([part.node for part in parts]),
            np.concatenate([part.time for part in parts]),
            np.concatenate([part.weight for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def rows(self, start: int, stop: int) -> "Histories":
        """Return the histories of some consecutive nodes; no copy of the events."""
        ptr, events = consecutive(self.ptr, start, stop)
        return Histories(ptr, self.node[events], self.time[events], self.weight[events])

    def at(self, rows: Int64[np.ndarray, " r"]) -> "Histories":
        """Return the histories of some nodes, in the order asked."""
        ptr = starts(self.ptr[rows + 1] - self.ptr[rows])
        events = ranges(self.ptr[rows], ptr)
        return Histories(ptr, self.node[events], self.time[events], self.weight[events])
