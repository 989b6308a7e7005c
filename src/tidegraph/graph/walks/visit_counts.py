"""Visit counts of many short walks around each node (PinSage's neighbourhoods)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.walks.random_walks import (
    WALKERS,
    Habit,
    note_expected_steps,
    walk_block,
)
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.keyed_rng import Keys, child_keys
from tidegraph.kernels.ragged import places


class Visits(NamedTuple):
    """The nodes that walks from each start visited most.

    Attributes:
        node: Most visited first, ties by row; -1 where there are no more.
        share: Visits to each over all visits of that start but those to itself.
    """

    node: Int32[np.ndarray, "q k"]
    share: Float32[np.ndarray, "q k"]


def visits(
    path: tuple[TemporalCSR, ...],
    starts: Int32[np.ndarray, " q"],
    keys: Keys,
    *,
    times: int,
    rounds: int,
    top: int,
    habit: Habit,
    clocks: Int64[np.ndarray, " q"] | None = None,
    returns: bool = True,
) -> Visits:
    """Return the most visited nodes around each start, with L1-normalised counts.

    A visit is the end of a round along the path. Visits to the start itself do not
    count.

    Args:
        path: The edges of a round.
        starts: Rows of nodes.
        keys: Random key of each.
        times: Walks from each start.
        rounds: How often each walk goes along the path.
        top: How many nodes to keep.
        habit: How walks choose.
        clocks: Tick of each start, if hops are to see only what is before.
        returns: Does the path lead back to the type of node it starts from?

    Source:
        Ying et al., "Graph convolutional neural networks for web-scale recommender
        systems" (2018), section 3.2.
    """
    shape = (len(starts), places(top, times * rounds))
    out = Visits(np.empty(shape, np.int32), np.empty(shape, np.float32))

    def around(first: int, last: int) -> None:
        some = slice(first, last)
        clock = None if clocks is None else np.repeat(clocks[some], times)
        origin, key = np.repeat(starts[some], times), child_keys(keys[some], times)
        steps = np.empty((len(origin), rounds * len(path) + 1), np.int32)
        walk_block(path, origin, key, habit, clock, steps)
        ends = steps[:, len(path) :: len(path)]
        start = starts[some] if returns else np.full(last - first, -1, np.int32)
        _count_visits(ends, start, times, out.node[some], out.share[some])

    steps = len(starts) * times * rounds * len(path)
    note_expected_steps(path, steps, habit, clocked=clocks is not None)
    over_rows(around, len(starts), max(1, WALKERS // times))
    return out


@compiled
def _count_visits(
    ends: np.ndarray,
    starts: np.ndarray,
    times: int,
    node: np.ndarray,
    share: np.ndarray,
) -> None:
    """Count who was visited around each start, and keep the most visited."""
    rounds = ends.shape[1]
    size = 16
    while size < 2 * rounds * times:
        size *= 2
    # Open addressing: a table that fits the first cache, whatever the graph's size.
    held = np.full(size, -1, np.int32)
    count = np.zeros(size, np.int32)
    touched = np.empty(rounds * times, np.int64)
    number = np.zeros(rounds * times + 1, np.int64)
    for q in range(starts.size):
        found, total = 0, 0
        for r in range(rounds):
            for w in range(q * times, (q + 1) * times):
                v = ends[w, r]
                if v < 0 or v == starts[q]:
                    continue
                total += 1
                at = (v * 0x9E3779B1) & (size - 1)
                while held[at] >= 0 and held[at] != v:
                    at = (at + 1) & (size - 1)
                if held[at] < 0:
                    held[at] = v
                    touched[found] = at
                    found += 1
                count[at] += 1
        _keep_most_visited(
            held, count, touched[:found], number, total, node[q], share[q]
        )


@compiled
def _keep_most_visited(
    held: np.ndarray,
    count: np.ndarray,
    touched: np.ndarray,
    number: np.ndarray,
    total: int,
    node: np.ndarray,
    share: np.ndarray,
) -> None:
    """Write the nodes of largest count, and clear the table."""
    top = node.size
    number[:] = 0
    for at in touched:
        number[count[at]] += 1
    # Nearly all counts are 1: find the least that is kept before sorting.
    least, kept = number.size, 0
    while least > 1 and kept < top:
        least -= 1
        kept += number[least]
    keys = np.empty(kept, np.int64)
    found = 0
    for at in touched:
        if count[at] >= least:
            keys[found] = (np.int64(number.size - count[at]) << 32) | held[at]
            found += 1
        held[at] = -1
        count[at] = 0
    keys.sort()
    for j in range(top):
        if j < found:
            node[j] = keys[j] & 0xFFFFFFFF
            share[j] = (number.size - (keys[j] >> 32)) / total
        else:
            node[j] = -1
            share[j] = 0
