"""Tables for drawing in proportion to weights: running sums and aliases."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int, Int32, Int64

from tidegraph.compiled import compiled, over_rows
from tidegraph.graph.keys import after, below, mixed, unit
from tidegraph.graph.search import strength


class AliasTable(NamedTuple):
    """For each slot, how often it stands for itself, and for what else it stands.

    A draw takes a slot of the row, each as likely, then that slot with probability
    ``share`` or else ``other``: as likely as its weight, in O(1).

    Attributes:
        share: From 0 to 1; below 0 in a row whose weights are all 0.
        other: Place within the row.
    """

    share: Float32[np.ndarray, " slots"]
    other: Int32[np.ndarray, " slots"]


def alias_table(
    start: Int64[np.ndarray, " rows"],
    stop: Int64[np.ndarray, " rows"],
    weight: Float32[np.ndarray, " slots"],
) -> AliasTable:
    """Return the table of weights that stand in rows, in O(slots).

    Source:
        Vose, "A linear algorithm for generating random numbers with a given
        distribution" (1991).
    """
    table = AliasTable(
        np.ones(len(weight), np.float32), np.zeros(len(weight), np.int32)
    )
    over_rows(
        lambda a, b: _vose(start, stop, weight, *table, a, b), len(start), grain=512
    )
    return table


def running_sums(
    start: Int64[np.ndarray, " rows"],
    stop: Int64[np.ndarray, " rows"],
    edge: Int[np.ndarray, " slots"],
    weight: Float32[np.ndarray, " edges"],
) -> Float64[np.ndarray, " sums"]:
    """Return the total weight of all slots before each, and of all at the end.

    The weights of any part of a row add up to the difference of two entries.
    """
    sums = np.zeros(len(edge) + 1)
    _spread(start, stop, edge, weight, sums)
    return np.cumsum(sums, out=sums)


@compiled
def by_alias(table: AliasTable, start: int, stop: int, drawn: np.uint64) -> int:
    """Return the slot that 64 random bits choose from a row, -1 if all weigh 0."""
    return kept_or_other(table, start, start + below(drawn, stop - start), drawn)


@compiled
def kept_or_other(table: AliasTable, start: int, slot: int, drawn: np.uint64) -> int:
    """Return the slot that 64 bits chose, or its other; -1 if all weigh 0."""
    share = table[0][slot]
    if share < 0:
        return -1
    kept = unit(mixed(after(drawn))) < share
    return slot if kept else start + table[1][slot]


@compiled
def by_sum(sums: np.ndarray, start: int, stop: int, drawn: np.uint64) -> int:
    """Return the slot that 64 bits choose from part of a row, -1 if all weigh 0."""
    total = sums[stop] - sums[start]
    if not total > 0:
        return -1
    aim = sums[start] + unit(drawn) * total
    low, high = start, stop - 1
    while low < high:
        middle = (low + high + 1) >> 1
        if sums[middle] <= aim:
            low = middle
        else:
            high = middle - 1
    # Rounding may land on a slot without weight.
    while low > start and sums[low + 1] == sums[low]:
        low -= 1
    return low


@compiled
def _spread(
    start: np.ndarray,
    stop: np.ndarray,
    edge: np.ndarray,
    weight: np.ndarray,
    sums: np.ndarray,
) -> None:
    for v in range(start.size):
        for s in range(start[v], stop[v]):
            sums[s + 1] = strength(weight, edge[s])


@compiled
def _vose(
    start: np.ndarray,
    stop: np.ndarray,
    weight: np.ndarray,
    share: np.ndarray,
    other: np.ndarray,
    first: int,
    last: int,
) -> None:
    for v in range(first, last):
        low, size = start[v], stop[v] - start[v]
        total = 0.0
        for j in range(size):
            total += weight[low + j]
        if not total > 0:
            share[low : low + size] = -1
            continue
        scaled = np.empty(size, np.float64)
        # The poor are stacked from the left, the rich from the right.
        stack = np.empty(size, np.int64)
        poor, rich = 0, size
        for j in range(size):
            scaled[j] = weight[low + j] * (size / total)
            if scaled[j] < 1:
                stack[poor] = j
                poor += 1
            else:
                rich -= 1
                stack[rich] = j
        while poor > 0 and rich < size:
            poor -= 1
            small, large = stack[poor], stack[rich]
            share[low + small] = scaled[small]
            other[low + small] = large
            scaled[large] += scaled[small] - 1
            if scaled[large] < 1:
                rich += 1
                stack[poor] = large
                poor += 1
        while poor > 0:
            # What is left over only by rounding; a weight of 0 is never left alone.
            poor -= 1
            if scaled[stack[poor]] > 0:
                share[low + stack[poor]] = 1
            else:
                share[low + stack[poor]] = 0
                other[low + stack[poor]] = np.argmax(weight[low : low + size])
