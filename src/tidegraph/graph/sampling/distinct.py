"""What stands in runs of slots, each slot once however many runs share it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int, Int32, Int64

from tidegraph.graph.sampling.digit_order import digits_of, order_by_digits
from tidegraph.graph.sampling.gather import Neighborhood, Run
from tidegraph.graph.sampling.one_block import in_one_block
from tidegraph.kernels.intrinsics import (
    LANES,
    copy_lanes,
    fill_lanes,
    prefetch,
    subtract_lanes,
)
from tidegraph.kernels.jit import compiled, over_rows, sealed
from tidegraph.kernels.weighted_draw import strength

_ROWS = 8  # Rows whose lines are asked for together.
_LINE = 16  # Numbers of four bytes in a cache line.
_GRAIN = 1024
_LANES = np.arange(LANES, dtype=np.int32)


class DistinctSlots(NamedTuple):
    """Some slots of a graph, each once, and which of them each of n nodes has.

    Attributes:
        ids: The neighbour at each slot.
        time: Tick of its edge.
        edge: Number of that edge.
        child: Places of each node's slots among them, -1 behind the last.
        gap: Ticks from the edge of each to the node's clock; 0 where there is none.
        share: Strength of the edge, 0 where there is none.
    """

    ids: Int32[np.ndarray, " m"]
    time: Int64[np.ndarray, " m"]
    edge: Int[np.ndarray, " m"]
    child: Int32[np.ndarray, "n k"]
    gap: Int64[np.ndarray, "n k"]
    share: Float32[np.ndarray, "n k"]


class _Parts(NamedTuple):
    """Runs cut where they overlap, by rising slot.

    Attributes:
        at: First slot of each part.
        place: How many slots the parts before have; one more than there are parts.
        first: Place of the first slot of each run.
        stop: One after the last slot of each run; its start if it is none.
        strays: How many slots of runs were refused.
    """

    at: Int64[np.ndarray, " parts"]
    place: Int64[np.ndarray, " starts"]
    first: Int64[np.ndarray, " n"]
    stop: Int64[np.ndarray, " n"]
    strays: int


def distinct_slots(
    past: Neighborhood, run: Run, clocks: Int64[np.ndarray, " n"]
) -> tuple[DistinctSlots, int]:
    """Return what stands in the slots of runs, and how many were not theirs.

    Slots come in the order of the graph. As of ``gathered``, a run that leaves the past
    of its node or is longer than its width counts as missing.

    Args:
        past: What may be seen of each of n nodes, along edges with times.
        run: Slots of each.
        clocks: The clock of each.
    """
    edges, base = past.edges, past.edges.base
    start, stop, clock = sealed(run.start, run.stop, clocks)
    within, digits = (past.start, past.stop), digits_of(len(edges.node))
    parts = _Parts(*_cut_overlaps(within, start, stop, run.width, digits))
    count, shape = int(parts.place[-1]), (len(start), run.width)
    # Two blocks: beyond 32 MB one is no longer taken from what was given back.
    ids, time, edge = in_one_block(
        ((count,), np.int32), ((count,), np.int64), ((count,), edges.edge.dtype)
    )
    child, gap, share = in_one_block(
        (shape, np.int32), (shape, np.int64), (shape, np.float32)
    )
    of_slots, of_runs = (ids, time, edge), (child, gap, share)
    columns = edges.node, edges.time, edges.edge
    at, place = parts.at, parts.place
    over_rows(
        lambda a, b: _read_parts(columns, base, at, place, of_slots, a, b),
        len(at),
        _GRAIN,
    )
    columns = edges.time, edges.edge, edges.weight
    runs = start, parts.stop, parts.first
    over_rows(
        lambda a, b: _write_runs(columns, base, clock, runs, _LANES, of_runs, a, b),
        len(start),
        _GRAIN,
    )
    return DistinctSlots(ids, time, edge, child, gap, share), parts.strays


@compiled
def _cut_overlaps(
    past: tuple[np.ndarray, np.ndarray],
    start: np.ndarray,
    stop: np.ndarray,
    width: int,
    digits: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Return the ``_Parts`` of runs."""
    ends, first, strays = start.copy(), np.zeros(start.size, np.int64), 0
    for q in range(start.size):
        found = max(stop[q] - start[q], 0)
        if found > width or start[q] < past[0][q] or stop[q] > past[1][q]:
            strays += found
        else:
            ends[q] += found
    some = np.flatnonzero(ends > start)
    order = some[order_by_digits(start[some], digits)]
    at, place = np.empty(order.size, np.int64), np.zeros(order.size + 1, np.int64)
    reached = np.int64(-1)
    for k in range(order.size):
        q = order[k]
        at[k] = max(start[q], reached)
        place[k + 1] = place[k] + max(ends[q] - at[k], 0)
        reached = max(reached, ends[q])
        first[q] = place[k + 1] - (reached - start[q])
    return at, place, first, ends, strays


@compiled
def _read_parts(
    columns: tuple[np.ndarray, np.ndarray, np.ndarray],
    base: int,
    slot: np.ndarray,
    place: np.ndarray,
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
    begin: int,
    end: int,
) -> None:
    node, when, number = columns
    ids, time, edge = out
    # Lanes behind a part are those of the next, which writes them then.
    limit = place[end]
    for block in range(begin, end, _ROWS):
        for k in range(block, min(block + _ROWS, end)):
            for at in (slot[k], slot[k] + _LINE):
                prefetch(node, at)
                prefetch(number, at)
                prefetch(when, at)
        for k in range(block, min(block + _ROWS, end)):
            at, to = slot[k], place[k]
            while to < place[k + 1]:
                if to + LANES <= limit and at + LANES <= node.size:
                    copy_lanes(node, at, ids, to, LANES, 0, 0)
                    copy_lanes(number, at, edge, to, LANES, 0, 0)
                    copy_lanes(when, at, time, to, LANES, base, 0)
                    at, to = at + LANES, to + LANES
                else:
                    ids[to], edge[to] = node[at], number[at]
                    time[to] = when[at] + base
                    at, to = at + 1, to + 1


@compiled
def _write_runs(
    columns: tuple[np.ndarray, np.ndarray, np.ndarray],
    base: int,
    clock: np.ndarray,
    runs: tuple[np.ndarray, np.ndarray, np.ndarray],
    lanes: np.ndarray,
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
    begin: int,
    end: int,
) -> None:
    when, number, held = columns
    start, stop, first = runs
    child, gap, share = out
    width = child.shape[1]
    for block in range(begin, end, _ROWS):
        for q in range(block, min(block + _ROWS, end)):
            for j in range(0, width, _LINE):
                prefetch(when, start[q] + j)
        for q in range(block, min(block + _ROWS, end)):
            found, until = max(stop[q] - start[q], 0), clock[q] - base
            if width >= LANES and 0 <= start[q] <= when.size - width:
                for j in range(0, width, LANES):
                    # The last lanes may overlap those before.
                    lane = min(j, width - LANES)
                    to, left = q * width + lane, found - lane
                    copy_lanes(lanes, 0, child, to, left, first[q] + lane, -1)
                    subtract_lanes(when, start[q] + lane, gap, to, left, until, 0)
                    fill_lanes(share, to, left)
            else:
                for j in range(width):
                    there, at = j < found, start[q] + j
                    child[q, j] = first[q] + j if there else -1
                    gap[q, j] = until - when[at] if there else 0
                    share[q, j] = there
            if held.size > 0:
                for j in range(found):
                    share[q, j] = strength(held, int(number[start[q] + j]))
