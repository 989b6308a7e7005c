"""The receptive fields of a batch of nodes: dense arrays by depth, with masks."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int, Int32, Int64

from tidegraph.graph.sampling.gather import NeighborBatch
from tidegraph.graph.storage.tcsr import NOW
from tidegraph.kernels.jit import compiled, over_rows


class EgoTree(NamedTuple):
    """What was cut out of the graph around each node; entry n is about depth n.

    Depth 0 are the b seeds; a hop of width k adds an axis of that size at
    the end. What the mask leaves out has node -1, edge -1 and everything else 0. The
    arrays can be handed to any tensor engine as they are, without a copy. Times are in
    ticks of the graph: seconds, unless it counts finer.

    Attributes:
        ids: Rows of nodes.
        time: Clock of each: that of the request, then that of the edge that led there;
            the parent's along an edge without time.
        dt: Ticks from that edge to its parent's clock; 0 at the root.
        weight: Strength of that edge; 1 at the root.
        edge: Number of that edge; -1 at the root.
        mask: Is there a node?
    """

    ids: tuple[Int32[np.ndarray, "*fan"], ...]
    time: tuple[Int64[np.ndarray, "*fan"], ...]
    dt: tuple[Int64[np.ndarray, "*fan"], ...]
    weight: tuple[Float32[np.ndarray, "*fan"], ...]
    edge: tuple[Int[np.ndarray, "*fan"], ...]
    mask: tuple[Bool[np.ndarray, "*fan"], ...]

    @property
    def depth(self) -> int:
        """How many hops deep the fields are."""
        return len(self.ids) - 1


def root_tree(
    nodes: Int32[np.ndarray, " b"], clocks: Int64[np.ndarray, " b"] | None
) -> EgoTree:
    """Return fields of depth 0: the nodes themselves."""
    there = nodes >= 0
    time = np.zeros(len(nodes), np.int64) if clocks is None else clocks
    return EgoTree(
        (nodes,),
        (time,),
        (np.zeros(len(nodes), np.int64),),
        (there.astype(np.float32),),
        (np.full(len(nodes), -1, np.int32),),
        (there,),
    )


def add_hop(
    field: EgoTree, found: NeighborBatch, clocks: Int64[np.ndarray, " parents"]
) -> EgoTree:
    """Return the fields with one more hop.

    Args:
        field: What there is.
        found: Neighbours of the deepest nodes, a row for each.
        clocks: The clocks they were looked up at.
    """
    shape = (*field.ids[-1].shape, found.ids.shape[1])
    gap = ages_of_edges(clocks, found)
    new = (found.ids, found.time, gap, found.weight, found.edge, found.mask)
    return EgoTree(
        *((*held, one.reshape(shape)) for held, one in zip(field, new, strict=True))
    )


def at_clocks(
    found: NeighborBatch, clocks: Int64[np.ndarray, " parents"]
) -> NeighborBatch:
    """Return neighbours along edges without time as of their parent's clock."""
    known = found.mask & (clocks != NOW)[:, None]
    return found._replace(time=np.where(known, clocks[:, None], 0))


def ages_of_edges(
    clocks: Int64[np.ndarray, " q"], found: NeighborBatch
) -> Int64[np.ndarray, "q k"]:
    """Return the ticks from each neighbour's edge to the clock it was found at."""
    gap = np.empty(found.ids.shape, np.int64)
    over_rows(
        lambda a, b: _write_time_gaps(clocks, found.time, found.mask, gap, a, b),
        len(gap),
        2048,
    )
    return gap


def child_clocks(
    clocks: Int64[np.ndarray, " parents"], found: NeighborBatch, *, own: bool
) -> Int64[np.ndarray, " children"]:
    """Return the clocks of the nodes found: their edge's time, or their parent's."""
    if own:
        return found.time.ravel()
    return np.repeat(clocks, found.ids.shape[1])


@compiled
def _write_time_gaps(
    clocks: np.ndarray,
    time: np.ndarray,
    mask: np.ndarray,
    gap: np.ndarray,
    first: int,
    last: int,
) -> None:
    for q in range(first, last):
        for j in range(time.shape[1]):
            known = mask[q, j] and clocks[q] != NOW
            gap[q, j] = clocks[q] - time[q, j] if known else 0
