"""Draws of nodes that are alive at a clock, each as likely as a power of its degree.

A node is alive once it has an edge, strictly before the clock. Whoever draws does so
again where what came may not be taken, ``ATTEMPTS`` times in all, and weighs the rest
then.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int64

from tidegraph.graph.storage.active_nodes import Timeline, nth_node
from tidegraph.graph.storage.row_bounds import BoundsView, row_of
from tidegraph.graph.storage.tcsr import NOW, TemporalCSR
from tidegraph.kernels.binary_search import lower_bound
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.keyed_rng import after, below, mixed, unit
from tidegraph.kernels.weighted_draw import PrefixSums

ATTEMPTS = 64
"""Draws that are made before what may be taken is weighed."""


class Alive(NamedTuple):
    """The nodes of a type, and what was known of them at any clock.

    Attributes:
        births: Nodes by the time of their first edge.
        edges: The node of every edge, by its time.
        rows: Bounds of the edges that reach each node.
        time: When those were, from ``base`` on; empty if untimed.
        base: A tick.
    """

    births: Timeline
    edges: Timeline
    rows: BoundsView
    time: Int[np.ndarray, " times"]
    base: int

    @classmethod
    def of(cls, incoming: TemporalCSR) -> "Alive":
        """Return the nodes that edges lead to, given from their end."""
        rows = incoming.bounds.view
        return cls(*incoming.alive, rows, incoming.time, incoming.base)

    def before(self, clocks: Int64[np.ndarray, " b"]) -> "Clocks":
        """Return what is in the past of each row's clock."""
        return Clocks(clocks, self.births.before(clocks), self.edges.before(clocks))


class Clocks(NamedTuple):
    """The clock of each row of a batch, and how much of ``Alive`` was there by then.

    Attributes:
        tick: The clock.
        nodes: How many nodes were alive.
        edges: How many edges they had.
    """

    tick: Int64[np.ndarray, " b"]
    nodes: Int64[np.ndarray, " b"]
    edges: Int64[np.ndarray, " b"]


@compiled
def draw_alive(
    alive: Alive,
    clocks: Clocks,
    row: int,
    power: float,
    state: np.uint64,
    out: np.ndarray,
) -> np.uint64:
    """Draw nodes for a row, -1 where one must be drawn again; return the next state.

    The row has a node that is alive.
    """
    births, edges, rows, time, base = alive
    nodes, events, tick = clocks.nodes[row], clocks.edges[row], clocks.tick[row]
    if power == 0:
        for n in range(out.size):
            state = after(state)
            out[n] = nth_node(births, below(mixed(state), nodes))
        return state
    # An edge of the past names its node by degree.
    for n in range(out.size):
        state = after(state)
        out[n] = nth_node(edges, below(mixed(state), events))
    if power == 1:
        return state
    # Thinning bends the power.
    for n in range(out.size):
        state = after(state)
        if unit(mixed(state)) >= degree_before(rows, time, base, out[n], tick) ** (
            power - 1
        ):
            out[n] = -1
    return state


@compiled
def alive_weights(alive: Alive, clocks: Clocks, row: int, power: float) -> np.ndarray:
    """Return how likely each node is, by birth, that is alive at a row's clock."""
    births, _, rows, time, base = alive
    weight = np.empty(clocks.nodes[row])
    for a in range(weight.size):
        count = degree_before(rows, time, base, nth_node(births, a), clocks.tick[row])
        weight[a] = float(count) ** power
    return weight


@compiled
def running_sums(weight: np.ndarray) -> PrefixSums:
    """Return the running sums of weights."""
    through = np.cumsum(weight)
    return PrefixSums(through - weight, through)


@compiled
def degree_before(
    rows: BoundsView, time: np.ndarray, base: int, v: int, clock: int
) -> int:
    """Count the edges that reach a node strictly before the clock; see ``Alive``."""
    low, high = row_of(rows, v)
    if time.size == 0 or clock == NOW:
        return high - low
    return lower_bound(time, low, high, clock - base) - low
