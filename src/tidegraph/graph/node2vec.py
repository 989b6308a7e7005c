"""The second-order step of node2vec, by rejection."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.compiled import compiled
from tidegraph.errors import ConfigError
from tidegraph.graph.alias import by_sum
from tidegraph.graph.keys import Keys, after, below, mixed, unit
from tidegraph.graph.membership import ByNode, joined_before
from tidegraph.graph.neighbors import NOW, Neighbors
from tidegraph.graph.search import search
from tidegraph.machine import prefetch


@dataclass(frozen=True)
class Bias:
    """How a walk that came from t to v chooses the next node x (node2vec).

    An edge is as likely as its weight times 1/p if x is t, 1 if t leads to x by an edge
    of the same type, 1/q otherwise.

    Attributes:
        p: Return parameter; small values keep a walk where it is.
        q: In-out parameter; small values lead it away.
    """

    p: float = 1.0
    q: float = 1.0

    def __post_init__(self) -> None:
        if not (self.p > 0 and self.q > 0):
            raise ConfigError(f"p is {self.p} and q is {self.q}; both must be above 0.")


def node2vec_step(
    edges: Neighbors,
    bias: Bias,
    came: Int32[np.ndarray, " w"],
    here: Int32[np.ndarray, " w"],
    state: Keys,
    clock: Int64[np.ndarray, " w"] | None,
    there: Int32[np.ndarray, " w"],
    *,
    weighted: bool = False,
) -> None:
    """Move walkers from ``here`` to ``there``, minding where they came from.

    A draw by weight alone is kept with probability bias over the largest bias, and
    drawn again if not, which gives the exact second-order probabilities.

    Source:
        Grover & Leskovec, "node2vec: scalable feature learning for networks" (2016),
        section 3.2; Yang et al., "KnightKing: a fast distributed graph random walk
        engine" (2019), for rejection.
    """
    low, stop = edges.span(here)
    met_low, met_stop = edges.span(came)
    if clock is not None and edges.is_timed:
        high = stop.copy()
        search(edges.time, edges.base, low, high, clock, stop, 0, len(here))
    _step(
        (low, stop),
        (met_low, met_stop),
        edges.by_node,
        edges.base,
        edges.node,
        edges.running_sums if weighted and len(edges.weight) else np.zeros(0),
        came,
        clock if clock is not None else np.zeros(0, np.int64),
        (1 / bias.p, 1 / bias.q),
        state,
        there,
    )


@compiled
def _step(
    rows: tuple[np.ndarray, np.ndarray],
    met: tuple[np.ndarray, np.ndarray],
    index: ByNode,
    base: int,
    node: np.ndarray,
    sums: np.ndarray,
    came: np.ndarray,
    clock: np.ndarray,
    bias: tuple[float, float],
    state: np.ndarray,
    there: np.ndarray,
) -> None:
    back, outward = bias
    most, least, larger = max(back, 1.0, outward), min(1.0, outward), max(1.0, outward)
    slot, share = np.empty(came.size, np.int64), np.empty(came.size)
    waiting, left = np.arange(came.size), came.size
    there[:] = -1
    while left > 0:
        # All who wait draw; then what they drew has come from memory.
        for n in range(left):
            w = int(waiting[n])
            low, stop = rows[0][w], rows[1][w]
            slot[n] = -1
            if stop > low:
                state[w] = after(state[w])
                if sums.size:
                    slot[n] = by_sum(sums, low, stop, mixed(state[w]))
                else:
                    slot[n] = low + below(mixed(state[w]), stop - low)
                prefetch(node, slot[n])
                state[w] = after(state[w])
                share[n] = unit(mixed(state[w])) * most
        again = 0
        for n in range(left):
            if slot[n] < 0:
                continue
            w, x = int(waiting[n]), int(node[slot[n]])
            if x == came[w]:
                kept = share[n] < back
            elif share[n] < least or share[n] >= larger:
                # Whether the two are joined makes no difference.
                kept = share[n] < least
            else:
                until = clock[w] if clock.size else NOW
                joined = joined_before(index, base, met[0][w], met[1][w], x, until)
                kept = share[n] < (1.0 if joined else outward)
            if kept:
                there[w] = x
            else:
                waiting[again] = w
                again += 1
        left = again
