"""The kernels that draw negatives: alive at a clock, never what is to be avoided."""

import numpy as np

from tidegraph.graph.negatives.alive import (
    ATTEMPTS,
    Alive,
    Clocks,
    alive_weights,
    draw_alive,
    running_sums,
)
from tidegraph.graph.storage.active_nodes import nth_node
from tidegraph.graph.storage.has_edge import NeighborIndex, has_edge_before
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.keyed_rng import after, below, mixed
from tidegraph.kernels.weighted_draw import by_sum


@compiled
def draw_negatives(
    alive: Alive,
    clocks: Clocks,
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
        alive: What is drawn from.
        clocks: The clock of each row.
        power: Of the degree; 0 for each node as likely.
        avoided: Index, base and rows of what must not be drawn.
        other: What each row chose, which must not be drawn either.
        key: Random key of each row.
        out: Receives the nodes.
        first: The first row to do.
        last: One after the last.
    """
    index, base, low, high = avoided
    for q in range(first, last):
        state, tick, mine = key[q], clocks.tick[q], out[q]
        chosen = other[q] if other.size else -1
        found = 0
        for _ in range(ATTEMPTS if clocks.nodes[q] > 0 else 0):
            state = draw_alive(alive, clocks, q, power, state, mine[found:])
            for j in range(found, mine.size):
                v = mine[j]
                if (
                    v >= 0
                    and v != chosen
                    and not has_edge_before(index, base, low[q], high[q], v, tick)
                ):
                    mine[found] = v
                    found += 1
            if found == mine.size:
                break
        mine[found:] = -1
        if clocks.nodes[q] > 0 and found < mine.size:
            # Nearly everything is taken: weigh what is left.
            left = alive_weights(alive, clocks, q, power)
            for a in range(left.size):
                v = nth_node(alive.births, a)
                if v == chosen or has_edge_before(
                    index, base, low[q], high[q], v, tick
                ):
                    left[a] = 0
            sums = running_sums(left)
            for j in range(found, mine.size):
                state = after(state)
                at = by_sum(sums, 0, left.size, mixed(state))
                mine[j] = nth_node(alive.births, at) if at >= 0 else -1


@compiled
def draw_other_rows(key: np.ndarray, count: int) -> np.ndarray:
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
def exclude_neighbors(
    index: NeighborIndex,
    base: int,
    low: np.ndarray,
    high: np.ndarray,
    clocks: np.ndarray,
    ids: np.ndarray,
    kept: np.ndarray,
) -> None:
    """Leave out what each row's node had an edge to before its clock."""
    for q in range(ids.shape[0]):
        for j in range(ids.shape[1]):
            if kept[q, j] and has_edge_before(
                index, base, low[q], high[q], ids[q, j], clocks[q]
            ):
                kept[q, j] = False


@compiled
def draw_subsets(
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
