"""Drawing nodes that are alive in proportion to any distribution, by rejection."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64

from tidegraph.graph.negatives.alive import ATTEMPTS
from tidegraph.graph.negatives.distribution import Distribution, seen_before
from tidegraph.graph.negatives.kernels import exclude_neighbors
from tidegraph.graph.nodes import Nodes
from tidegraph.graph.storage.has_edge import NeighborIndex
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.times import Tick
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.keyed_rng import GAMMA, Keys, below, child_keys, mixed, unit


class Avoided(NamedTuple):
    """What the rows of a batch must not draw.

    Attributes:
        held: Their neighbours, by node.
        base: What its times count from.
        low: Where the row of each begins there.
        high: Where it ends.
        clock: The clock of each.
        other: What each chose; -1 for nothing.
    """

    held: NeighborIndex
    base: int
    low: Int64[np.ndarray, " b"]
    high: Int64[np.ndarray, " b"]
    clock: Int64[np.ndarray, " b"]
    other: Int32[np.ndarray, " b"]

    def leaves(
        self, row: Int64[np.ndarray, " n"], node: Int32[np.ndarray, " n"]
    ) -> Bool[np.ndarray, " n"]:
        """Return whether each of some rows may draw a node."""
        kept = node != self.other[row]
        low, high, clock = self.low[row], self.high[row], self.clock[row]
        exclude_neighbors(
            self.held, self.base, low, high, clock, node[:, None], kept[:, None]
        )
        return kept


def draw_by_rejection(
    distribution: Distribution,
    nodes: Nodes,
    incoming: TemporalCSR,
    clocks: Int64[np.ndarray, " b"],
    avoided: Avoided,
    keys: Keys,
    count: int,
    tick: Tick,
) -> Int32[np.ndarray, "b k"]:
    """Draw nodes for each row, each as likely as the distribution says.

    A node that is alive is kept with the probability that the distribution gives it,
    and drawn again if not. A row that keeps none in 64 attempts weighs all that is
    alive.

    Returns:
        Rows of nodes; -1 where nothing may be drawn.
    """
    pool = incoming.alive.births
    until = pool.before(clocks)
    out = np.full(len(clocks) * count, -1, np.int32)
    key = child_keys(keys, count)
    row = np.repeat(np.arange(len(clocks)), count)
    open_ = np.flatnonzero(until[row] > 0)
    for attempt in range(ATTEMPTS):
        at, share = _draw_proposals(key[open_], until[row[open_]], attempt)
        node, clock = pool.at(at), clocks[row[open_]]
        kept = share < distribution(seen_before(nodes, incoming, node, clock, tick))
        kept &= avoided.leaves(row[open_], node)
        out[open_[kept]] = node[kept]
        open_ = open_[~kept]
        if not len(open_):
            break
    for one in np.unique(row[open_]):
        alive = pool.at(np.arange(int(until[one])))
        clock = np.full(len(alive), clocks[one])
        share = distribution(seen_before(nodes, incoming, alive, clock, tick)).astype(
            np.float64
        )
        share *= avoided.leaves(np.full(len(alive), one), alive)
        sums = np.cumsum(share)
        if len(sums) and sums[-1] > 0:
            mine = open_[row[open_] == one]
            _, drawn = _draw_proposals(
                key[mine], np.ones(len(mine), np.int64), ATTEMPTS
            )
            out[mine] = alive[np.searchsorted(sums, drawn * sums[-1], side="right")]
    return out.reshape(-1, count)


@compiled
def _draw_proposals(
    key: np.ndarray, size: np.ndarray, attempt: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one of 0 .. ``size`` - 1 and a number from 0 to 1 for each key."""
    at, share = np.empty(key.size, np.int64), np.empty(key.size)
    for n in range(key.size):
        first = key[n] + GAMMA * np.uint64(2 * attempt + 1)
        at[n] = below(mixed(first), size[n])
        share[n] = unit(mixed(first + GAMMA))
    return at, share
