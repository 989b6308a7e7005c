"""What samplers drew, each slot once however many nodes drew it.

Nodes share slots only where they share a row, and few rows are long: nodes go row by
row, so that what is known of a row's slots, and the row itself, stay in the caches.
"""

import numpy as np
from jaxtyping import Int, Int32, Int64

from tidegraph.graph.sampling.digit_order import digits_of, order_by_digits
from tidegraph.graph.sampling.distinct import DistinctSlots
from tidegraph.graph.sampling.gather import Neighborhood, Picks
from tidegraph.kernels.hash_table import number_by_appearance
from tidegraph.kernels.intrinsics import prefetch
from tidegraph.kernels.jit import compiled, over_rows, sealed
from tidegraph.kernels.weighted_draw import strength

_AHEAD = 8  # A row of picks is asked for so many rows before it is looked at.
_LINE = 16  # Numbers of four bytes in a cache line.
_SLOTS = 64  # Slots whose lines are asked for together.
_GRAIN = 1024
_ROOM = 65_536
"""Numbers that are cleared sooner than a table is made that hashes."""


def distinct_picks(
    past: Neighborhood, picked: Picks, clocks: Int64[np.ndarray, " n"]
) -> tuple[DistinctSlots, int]:
    """Return what stands in picked slots, and how many were not theirs.

    As of ``gathered``, a slot outside the past of its node counts as missing.

    Args:
        past: What may be seen of each of n nodes, along edges with times.
        picked: Slots of each.
        clocks: The clock of each.
    """
    edges = past.edges
    slot = np.ascontiguousarray(picked.slot)
    slot, start, stop, clock = sealed(slot, past.start, past.stop, clocks)
    order, longest = _order_by_row(start, stop, digits_of(len(edges.node)))
    if longest <= max(4 * slot.size, _ROOM):
        known = np.full(longest, -1, np.int32)
        child, at = np.empty(slot.shape, np.int32), np.empty(slot.size, np.int64)
        found, strays = _number_by_row(slot, (start, stop), order, known, child, at)
        at = at[:found]
    else:
        child, at, strays = _number_by_hash(slot, start, stop)
    ids, time, edge = _read(past, at)
    gap, share = np.empty(slot.shape, np.int64), np.empty(slot.shape, np.float32)
    of_states, out = (time, edge, edges.weight), (gap, share)
    over_rows(
        lambda a, b: _write_picks(clock, child, order, of_states, out, a, b),
        len(order),
        _GRAIN,
    )
    if picked.weight is not None:
        np.copyto(share, picked.weight, where=child >= 0)
    return DistinctSlots(ids, time, edge, child, gap, share), strays


def _number_by_hash(
    slot: Int64[np.ndarray, "n k"],
    start: Int64[np.ndarray, " n"],
    stop: Int64[np.ndarray, " n"],
) -> tuple[Int32[np.ndarray, "n k"], Int64[np.ndarray, " m"], int]:
    """Do what ``_number_by_row`` does, where few are drawn from very long rows."""
    inside = (slot >= start[:, None]) & (slot < stop[:, None])
    strays = int(np.count_nonzero((slot >= 0) & ~inside))
    child, first = number_by_appearance(np.where(inside, slot, -1).ravel())
    return child.reshape(slot.shape), slot.ravel()[first], strays


def _read(
    past: Neighborhood, at: Int64[np.ndarray, " m"]
) -> tuple[Int32[np.ndarray, " m"], Int64[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Return the neighbours at some slots, and times and numbers of their edges."""
    edges, count = past.edges, len(at)
    out = (
        np.empty(count, np.int32),
        np.empty(count, np.int64),
        np.empty(count, edges.edge.dtype),
    )
    columns, base = (edges.node, edges.time, edges.edge), edges.base
    over_rows(lambda a, b: _read_slots(columns, base, at, out, a, b), count, 4 * _GRAIN)
    return out


@compiled
def _order_by_row(
    start: np.ndarray, stop: np.ndarray, digits: tuple[int, int]
) -> tuple[np.ndarray, int]:
    """Return nodes by rising row, and how many slots the longest part of a row has."""
    order = order_by_digits(start, digits)
    longest, base, reached = 0, 0, -1
    for q in order:
        if stop[q] > start[q]:
            if start[q] >= reached:
                base = int(start[q])
            reached = max(reached, int(stop[q]))
            longest = max(longest, reached - base)
    return order, longest


@compiled
def _number_by_row(
    slot: np.ndarray,
    past: tuple[np.ndarray, np.ndarray],
    order: np.ndarray,
    known: np.ndarray,
    child: np.ndarray,
    at: np.ndarray,
) -> tuple[int, int]:
    """Number different slots row by row, in order of appearance.

    Args:
        slot: Picks of each node.
        past: Where the past of each starts and stops.
        order: Nodes by row.
        known: -1 for each slot of the longest part of a row. Of the slots of a row it
            holds their numbers, the least of which is that of the row's first; what
            earlier rows left there is less, so that it is never cleared.
        child: Receives the number of each pick, -1 where it is none.
        at: Receives the slot of each number.

    Returns:
        How many numbers there are, and how many picks were outside the past.
    """
    base, reached, width = 0, -1, slot.shape[1]
    found = least = strays = 0
    for n in range(order.size):
        ahead = order[min(n + _AHEAD, order.size - 1)] * width
        for j in range(0, width, _LINE // 2):
            prefetch(slot, ahead + j)
        for j in range(0, width, _LINE):
            prefetch(child, ahead + j)
        q = order[n]
        start, stop = int(past[0][q]), int(past[1][q])
        if stop > start:
            if start >= reached:
                base, least = start, found
            reached = max(reached, stop)
        for j in range(width):
            here = slot[q, j]
            if here < start or here >= stop:
                strays += here >= 0
                child[q, j] = -1
                continue
            number = known[here - base]
            if number < least:
                known[here - base] = number = found
                at[found] = here
                found += 1
            child[q, j] = number
    return found, strays


@compiled
def _read_slots(
    columns: tuple[np.ndarray, np.ndarray, np.ndarray],
    base: int,
    at: np.ndarray,
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
    begin: int,
    end: int,
) -> None:
    node, when, number = columns
    ids, time, edge = out
    for block in range(begin, end, _SLOTS):
        for m in range(block, min(block + _SLOTS, end)):
            prefetch(node, at[m])
            prefetch(number, at[m])
            prefetch(when, at[m])
        for m in range(block, min(block + _SLOTS, end)):
            ids[m], edge[m] = node[at[m]], number[at[m]]
            time[m] = when[at[m]] + base


@compiled
def _write_picks(
    clock: np.ndarray,
    child: np.ndarray,
    order: np.ndarray,
    of_states: tuple[np.ndarray, np.ndarray, np.ndarray],
    out: tuple[np.ndarray, np.ndarray],
    begin: int,
    end: int,
) -> None:
    time, edge, held = of_states
    gap, share = out
    width = child.shape[1]
    for n in range(begin, end):
        ahead = order[min(n + _AHEAD, end - 1)] * width
        for j in range(0, width, _LINE):
            prefetch(child, ahead + j)
        q = order[n]
        for j in range(width):
            place = child[q, j]
            there = place >= 0
            gap[q, j] = clock[q] - time[place] if there else 0
            share[q, j] = there
            if there and held.size > 0:
                share[q, j] = strength(held, int(edge[place]))
