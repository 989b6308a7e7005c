"""What a hop sees, and what it brings: a dense batch of neighbours with a mask."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int, Int32, Int64

from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.kernels.intrinsics import LANES, copy_lanes, fill_lanes, prefetch
from tidegraph.kernels.jit import compiled, over_rows, sealed
from tidegraph.kernels.keyed_rng import Keys
from tidegraph.kernels.ragged import AS_ASKED, places
from tidegraph.kernels.weighted_draw import strength

_ROWS = 32  # Rows whose lines are asked for together.
_LINE = 16  # Numbers of four bytes in a cache line.
NO_NODE = -1
"""Stands where there is no neighbour, next to a mask that says so."""


class Neighborhood(NamedTuple):
    """What a sampler may choose from: the past of each node, and no more.

    The slots ``start[q]`` to ``stop[q]`` of ``edges`` are the edges of node q strictly
    before its clock, oldest first.

    Attributes:
        edges: Neighbours of every node; read them by slot.
        start: First slot of each node's past.
        stop: One after its last slot.
        key: Random key of each node.
        whole: Is the past the whole row, whatever the time?
    """

    edges: TemporalCSR
    start: Int64[np.ndarray, " q"]
    stop: Int64[np.ndarray, " q"]
    key: Keys
    whole: bool = False

    @classmethod
    def sealed(
        cls,
        edges: TemporalCSR,
        rows: tuple[Int64[np.ndarray, " q"], Int64[np.ndarray, " q"]],
        key: Keys,
        *,
        whole: bool = False,
    ) -> "Neighborhood":
        """Return a past that whoever is given it cannot change."""
        start, stop, seeds = sealed(*rows, key)
        return cls(edges, start, stop, seeds, whole)

    def width(self, count: int) -> int:
        """Return how wide a batch is that takes up to ``count`` edges of each node."""
        if count <= AS_ASKED:
            return count
        return places(count, int((self.stop - self.start).max(initial=0)))


class Run(NamedTuple):
    """Neighbouring slots: ``start[q]`` to ``stop[q]`` for node q, at most ``width``."""

    start: Int64[np.ndarray, " q"]
    stop: Int64[np.ndarray, " q"]
    width: int


class Picks(NamedTuple):
    """Slots that stand anywhere, -1 where there is none, and what they count for.

    Attributes:
        slot: Chosen slots of each node.
        weight: Takes the place of the strength of each edge, if given.
    """

    slot: Int64[np.ndarray, "q k"]
    weight: Float32[np.ndarray, "q k"] | None = None


class NeighborBatch(NamedTuple):
    """Neighbours of several nodes, one row each.

    Attributes:
        ids: The neighbours, ``NO_NODE`` where there is none.
        time: Tick of the edge that leads there, 0 where there is none.
        weight: Strength of that edge, 0 where there is none.
        edge: Number of that edge, -1 where there is none.
        mask: Is there a neighbour?
    """

    ids: Int32[np.ndarray, "q k"]
    time: Int64[np.ndarray, "q k"]
    weight: Float32[np.ndarray, "q k"]
    edge: Int[np.ndarray, "q k"]
    mask: Bool[np.ndarray, "q k"]


def gathered(past: Neighborhood, picked: Run | Picks) -> tuple[NeighborBatch, int]:
    """Return what stands in the slots that a sampler picked, and how many were not its.

    A slot outside the node's past counts as missing, so that no sampler can bring the
    future in; so does a run that is longer than its width.
    """
    queries = len(past.start)
    width = picked.width if isinstance(picked, Run) else picked.slot.shape[1]
    edges, shape = past.edges, (queries, width)
    out = NeighborBatch(
        np.empty(shape, np.int32),
        np.empty(shape, np.int64),
        np.empty(shape, np.float32),
        np.empty(shape, edges.edge.dtype),
        np.empty(shape, np.bool_),
    )
    columns = (edges.node, edges.time, edges.edge, edges.weight)
    grain = max(1, 20_480 // max(width, 1))
    ours, base, strays = (past.start, past.stop), edges.base, list[int]()
    if isinstance(picked, Run):
        run = sealed(picked.start, picked.stop)

        def block(first: int, last: int) -> None:
            strays.append(_gather_runs(columns, base, ours, run, out, first, last))
    else:
        slot = sealed(picked.slot)

        def block(first: int, last: int) -> None:
            strays.append(_gather_slots(columns, base, ours, slot, out, first, last))

    over_rows(block, queries, grain)
    if isinstance(picked, Picks) and picked.weight is not None:
        np.copyto(out.weight, picked.weight, where=out.mask)
    return out, sum(strays)


@compiled
def _gather_runs(
    columns: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    base: int,
    past: tuple[np.ndarray, np.ndarray],
    picked: tuple[np.ndarray, ...],
    out: NeighborBatch,
    first: int,
    last: int,
) -> int:
    node, when, number, held = columns
    ids, time, weight, edge, mask = out
    start, stop = picked
    width, strays, timed = ids.shape[1], 0, when.size > 0
    for block in range(first, last, _ROWS):
        end = min(block + _ROWS, last)
        for q in range(block, end):
            # The last one again, where a line begins between.
            for j in range(0, width + _LINE - 1, _LINE):
                at = start[q] + min(j, width - 1)
                prefetch(node, at)
                prefetch(number, at)
                prefetch(when, at)
        for q in range(block, end):
            found = max(stop[q] - start[q], 0)
            outside = start[q] < past[0][q] or stop[q] > past[1][q]
            if found > width or (found > 0 and outside):
                strays += found
                found = 0
            if width >= LANES and 0 <= start[q] <= node.size - width:
                for j in range(0, width, LANES):
                    # The last lanes may overlap those before.
                    lane = min(j, width - LANES)
                    at, to, left = start[q] + lane, q * width + lane, found - lane
                    copy_lanes(node, at, ids, to, left, 0, NO_NODE)
                    copy_lanes(number, at, edge, to, left, 0, -1)
                    if timed:
                        copy_lanes(when, at, time, to, left, base, 0)
                    fill_lanes(weight, to, left)
                    fill_lanes(mask, to, left)
            else:
                for j in range(width):
                    there, at = j < found, start[q] + j
                    ids[q, j] = node[at] if there else NO_NODE
                    edge[q, j] = number[at] if there else -1
                    if timed:
                        time[q, j] = when[at] + base if there else 0
                    weight[q, j] = there
                    mask[q, j] = there
            if not timed:
                time[q, :] = 0
            if held.size > 0:
                for j in range(found):
                    weight[q, j] = strength(held, int(edge[q, j]))
    return strays


@compiled
def _gather_slots(
    columns: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    base: int,
    past: tuple[np.ndarray, np.ndarray],
    picked: tuple[np.ndarray, ...],
    out: NeighborBatch,
    first: int,
    last: int,
) -> int:
    node, when, number, held = columns
    ids, time, weight, edge, mask = out
    start, stop = past
    slot, timed, strays = picked[0], when.size > 0, 0
    for q in range(first, last):
        for j in range(slot.shape[1]):
            prefetch(node, slot[q, j])
            prefetch(number, slot[q, j])
            prefetch(when, slot[q, j])
        for j in range(slot.shape[1]):
            at = slot[q, j]
            if start[q] <= at < stop[q]:
                ids[q, j] = node[at]
                edge[q, j] = number[at]
                time[q, j] = when[at] + base if timed else 0
                weight[q, j] = strength(held, int(number[at]))
                mask[q, j] = True
                continue
            strays += at >= 0
            ids[q, j] = NO_NODE
            edge[q, j] = -1
            time[q, j] = 0
            weight[q, j] = 0
            mask[q, j] = False
    return strays
