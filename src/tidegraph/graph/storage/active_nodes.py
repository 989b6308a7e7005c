"""Which nodes were met by when, and how often: what negatives are drawn from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64


@dataclass(frozen=True, eq=False)
class ActiveNodes:
    """What can be drawn at any time: the nodes and edges of the past are prefixes.

    Attributes:
        born: Nodes that were ever met, by time of their first edge.
        born_time: Unix seconds of that edge.
        node: The node of every edge, in time order.
        time: Unix seconds of every edge.
    """

    born: Int32[np.ndarray, " nodes"]
    born_time: Int64[np.ndarray, " nodes"]
    node: Int32[np.ndarray, " edges"]
    time: Int64[np.ndarray, " edges"]

    @classmethod
    def of(
        cls,
        first: Int64[np.ndarray, " all"],
        never: int,
        node: Int32[np.ndarray, " edges"],
        time: Int64[np.ndarray, " edges"],
    ) -> "ActiveNodes":
        """Sort nodes, and the edges that reach them, by time.

        Args:
            first: Unix seconds of the first edge of every node.
            never: Stands there for a node without edges.
            node: The node of every edge.
            time: Unix seconds of every edge.
        """
        met = np.flatnonzero(first != never)
        by_birth = met[np.argsort(first[met], kind="stable")]
        by_time = np.argsort(time, kind="stable")
        return cls(
            by_birth.astype(np.int32), first[by_birth], node[by_time], time[by_time]
        )
