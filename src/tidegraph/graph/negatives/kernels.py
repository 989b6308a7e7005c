"""The kernels that draw negatives: alive at a clock, never what is to be avoided."""

import numpy as np

from tidegraph.graph.storage.active_nodes import ActiveNodes, nth
from tidegraph.graph.storage.has_edge import NeighborIndex, has_edge_before
from tidegraph.graph.storage.row_bounds import BoundsView, row_of
from tidegraph.graph.storage.tcsr import NOW
from tidegraph.kernels.binary_search import before
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.keyed_rng import after, below, mixed, unit
from tidegraph.kernels.weighted_draw import PrefixSums, by_sum

_ATTEMPTS = 64


@compiled
def fill(
    pool: ActiveNodes,
    until: tuple[np.ndarray, np.ndarray],
    rows: BoundsView,
    times: tuple[np.ndarray, int],
    clocks: np.ndarray,
    power: float,
    avoided: tuple[NeighborIndex, int, np.ndarray, np.ndarray],
    other: np.ndarray,
    key: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Draw negatives for rows ``first`` to ``last``; see ``RandomNegatives``.

    Args:
        pool: Nodes by birth, and the node of every edge in time order.
        until: How many of either are in each row's past.
        rows: Bounds of the edges that reach each node.
        times: When those were, and what that counts from.
        clocks: Tick of each row.
        power: Of the degree; 0 for each node as likely.
        avoided: Index, base and rows of what must not be drawn.
        other: What each row chose, which must not be drawn either.
        key: Random key of each row.
        out: Receives the nodes.
        first: The first row to do.
        last: One after the last.
    """
    index, zero, low, high = avoided
    for q in range(first, last):
        state = key[q]
        chosen = other[q] if other.size else -1
        for j in range(out.shape[1]):
            out[q, j] = -1
            for _ in range(_ATTEMPTS if until[0][q] > 0 else 0):
                state = after(state)
                if power > 0:
                    v = nth(pool.occurrences, below(mixed(state), until[1][q]))
                    state = after(state)
                    kept = power == 1 or unit(mixed(state)) < _degree(
                        rows, times, v, clocks[q]
                    ) ** (power - 1)
                else:
                    v = nth(pool.births, below(mixed(state), until[0][q]))
                    kept = True
                if (
                    kept
                    and v != chosen
                    and not has_edge_before(index, zero, low[q], high[q], v, clocks[q])
                ):
                    out[q, j] = v
                    break
        if until[0][q] > 0 and out[q].min() < 0:
            # Nearly everything is taken: weigh what is left.
            left = np.zeros(until[0][q] + 1)
            for a in range(until[0][q]):
                v = nth(pool.births, a)
                left[a + 1] = left[a]
                if v != chosen and not has_edge_before(
                    index, zero, low[q], high[q], v, clocks[q]
                ):
                    left[a + 1] += float(_degree(rows, times, v, clocks[q])) ** power
            for j in range(out.shape[1]):
                state = after(state)
                if out[q, j] < 0:
                    at = by_sum(
                        PrefixSums(left[:-1], left[1:]), 0, until[0][q], mixed(state)
                    )
                    out[q, j] = nth(pool.births, at) if at >= 0 else -1


@compiled
def _degree(rows: BoundsView, times: tuple[np.ndarray, int], v: int, clock: int) -> int:
    """Count the edges of a node strictly before the clock."""
    time, base = times
    low, high = row_of(rows, v)
    if time.size == 0 or clock == NOW:
        return high - low
    return before(time, low, high, clock - base) - low


@compiled
def other_rows(key: np.ndarray, count: int) -> np.ndarray:
    """Draw other rows of the batch for each row."""
    row = np.zeros((key.size, count), np.int64)
    for q in range(key.size):
        state = key[q]
        for j in range(count):
            state = after(state)
            if key.size > 1:
                drawn = below(mixed(state), key.size - 1)
                row[q, j] = drawn + (drawn >= q)
    return row


@compiled
def strike_neighbors(
    index: NeighborIndex,
    base: int,
    low: np.ndarray,
    high: np.ndarray,
    clocks: np.ndarray,
    ids: np.ndarray,
    kept: np.ndarray,
) -> None:
    """Strike out what each row's node had an edge to before its clock."""
    for q in range(ids.shape[0]):
        for j in range(ids.shape[1]):
            if kept[q, j] and has_edge_before(
                index, base, low[q], high[q], ids[q, j], clocks[q]
            ):
                kept[q, j] = False


@compiled
def subsets(
    key: np.ndarray, ids: np.ndarray, kept: np.ndarray, out: np.ndarray
) -> None:
    """Draw subsets of what is kept, each as likely."""
    for q in range(ids.shape[0]):
        state = key[q]
        pool = ids[q][kept[q]]
        for j in range(min(out.shape[1], pool.size)):
            state = after(state)
            at = j + below(mixed(state), pool.size - j)
            pool[j], pool[at] = pool[at], pool[j]
            out[q, j] = pool[j]
