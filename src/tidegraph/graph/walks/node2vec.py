"""The second-order step of node2vec, by rejection."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.graph.storage.has_edge import NeighborIndex, has_edge_before
from tidegraph.graph.storage.tcsr import NOW, TemporalCSR
from tidegraph.kernels.intrinsics import prefetch
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.keyed_rng import Keys, after, below, mixed, unit
from tidegraph.kernels.weighted_draw import NO_SUMS, PrefixSums, by_sum, draw_by_sums
from tidegraph.ranges import above

_ATTEMPTS = 64


@dataclass(frozen=True)
class Bias:
    """How a walk that came from t to v chooses the next node x (node2vec).

    An edge is as likely as its weight times 1/p if x is t, 1 if t leads to x by an edge
    of the same type, 1/q otherwise.

    Attributes:
        p: Return parameter; small values keep a walk where it is.
        q: In-out parameter; small values lead it away.
        two_sided: Do edges lead from one type of node to another and back? Then t never
            leads to x by one edge.
    """

    p: float = 1.0
    q: float = 1.0
    two_sided: bool = False

    def __post_init__(self) -> None:
        above("node2vec", 0, p=self.p, q=self.q)


def node2vec_step(
    edges: TemporalCSR,
    bias: Bias,
    came: Int32[np.ndarray, " w"],
    here: Int32[np.ndarray, " w"],
    state: Keys,
    clock: Int64[np.ndarray, " w"] | None,
    there: Int32[np.ndarray, " w"],
    *,
    weighted: bool = False,
    respect: bool = False,
) -> None:
    """Move walkers from ``here`` to ``there``, minding where they came from.

    A draw by weight alone is kept with probability bias over the largest bias, and
    drawn again if not, which gives the exact second-order probabilities. Who keeps none
    of many weighs the whole row. Who came from nowhere, -1, minds nothing.

    Source:
        Grover & Leskovec, "node2vec: scalable feature learning for networks" (2016),
        section 3.2; Yang et al., "KnightKing: a fast distributed graph random walk
        engine" (2019), for rejection.
    """
    # The rows of two-sided edges are of another type of node than the one before.
    none = np.zeros(len(came), np.int64)
    own_rows = (none, none) if bias.two_sided else edges.span(came)
    _second_order_step(
        edges.span(here) if clock is None else edges.span_before(here, clock),
        own_rows,
        edges.neighbor_index,
        (edges.node, edges.time, edges.base),
        edges.prefix_sums if weighted and len(edges.weight) else NO_SUMS,
        came,
        clock if clock is not None else np.zeros(0, np.int64),
        (1 / bias.p, 1 / bias.q),
        respect and clock is not None and edges.is_timed,
        state,
        there,
    )


@compiled
def _second_order_step(
    rows: tuple[np.ndarray, np.ndarray],
    own_rows: tuple[np.ndarray, np.ndarray],
    index: NeighborIndex,
    edges: tuple[np.ndarray, np.ndarray, int],
    sums: PrefixSums,
    came: np.ndarray,
    clock: np.ndarray,
    bias: tuple[float, float],
    respect: bool,
    state: np.ndarray,
    there: np.ndarray,
) -> None:
    node, time, base = edges
    back, outward = bias
    most, least, larger = max(back, 1.0, outward), min(1.0, outward), max(1.0, outward)
    slot, share = np.empty(came.size, np.int64), np.empty(came.size)
    waiting, left = np.arange(came.size), came.size
    there[:] = -1
    for attempt in range(_ATTEMPTS + 1):
        # All who wait draw; then what they drew has come from memory.
        if attempt < _ATTEMPTS:
            _draw_by_weight(rows, node, sums, waiting[:left], state, slot, share)
        else:
            for n in range(left):
                w = int(waiting[n])
                state[w] = after(state[w])
                until = clock[w] if clock.size else NOW
                own = (own_rows[0][w], own_rows[1][w], came[w], until)
                row = (rows[0][w], rows[1][w])
                slot[n] = _by_bias(row, own, index, edges, sums, bias, mixed(state[w]))
        again = 0
        for n in range(left):
            if slot[n] < 0:
                continue
            w, x = int(waiting[n]), int(node[slot[n]])
            if attempt == _ATTEMPTS or came[w] < 0:
                kept = True
            elif x == came[w]:
                kept = share[n] * most < back
            elif share[n] * most < least or share[n] * most >= larger:
                # Whether the two are linked makes no difference.
                kept = share[n] * most < least
            else:
                until = clock[w] if clock.size else NOW
                linked = has_edge_before(
                    index, base, own_rows[0][w], own_rows[1][w], x, until
                )
                kept = share[n] * most < (1.0 if linked else outward)
            if kept:
                there[w] = x
                if respect:
                    clock[w] = time[slot[n]] + base
            else:
                waiting[again] = w
                again += 1
        left = again
        if left == 0:
            break


@compiled
def _draw_by_weight(
    rows: tuple[np.ndarray, np.ndarray],
    node: np.ndarray,
    sums: PrefixSums,
    waiting: np.ndarray,
    state: np.ndarray,
    slot: np.ndarray,
    share: np.ndarray,
) -> None:
    """Draw a slot of its row by weight alone, and a number, for each who waits."""
    low, stop, key = rows[0][waiting], rows[1][waiting], state[waiting]
    weighty = np.empty((waiting.size if sums[1].size else 0, 1), np.int64)
    draw_by_sums(sums, low, stop, key, weighty, 0, len(weighty))
    for n in range(waiting.size):
        slot[n] = -1
        if stop[n] > low[n]:
            drawn = after(key[n])
            if sums[1].size:
                slot[n] = weighty[n, 0]
            else:
                slot[n] = low[n] + below(mixed(drawn), stop[n] - low[n])
            prefetch(node, slot[n])
            state[waiting[n]] = after(drawn)
            share[n] = unit(mixed(after(drawn)))


@compiled
def _by_bias(
    row: tuple[int, int],
    own: tuple[int, int, int, int],
    index: NeighborIndex,
    edges: tuple[np.ndarray, np.ndarray, int],
    sums: PrefixSums,
    bias: tuple[float, float],
    drawn: np.uint64,
) -> int:
    """Return a slot drawn by the bias of all: for those who kept none for long."""
    low, stop = row
    own_low, own_stop, came, until = own
    total = np.zeros(stop - low + 1)
    for s in range(low, stop):
        x = edges[0][s]
        if x == came:
            share = bias[0]
        elif has_edge_before(index, edges[2], own_low, own_stop, x, until):
            share = 1.0
        else:
            share = bias[1]
        if sums[1].size:
            share *= sums[1][s] - sums[0][s]
        total[s - low + 1] = total[s - low] + share
    at = by_sum(PrefixSums(total[:-1], total[1:]), 0, stop - low, drawn)
    return low + at if at >= 0 else -1
