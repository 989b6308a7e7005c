"""Drawing in proportion to weights that stay, by aliases."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.keyed_rng import after, below, mixed, unit


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
        lambda a, b: _write_alias_rows(start, stop, weight, *table, a, b),
        len(start),
        grain=512,
    )
    return table


@compiled
def by_alias(table: AliasTable, start: int, stop: int, drawn: np.uint64) -> int:
    """Return the slot that 64 random bits choose from a row, -1 if all weigh 0."""
    slot = start + below(drawn, stop - start)
    share = table[0][slot]
    if share < 0:
        return -1
    kept = unit(mixed(after(drawn))) < share
    return slot if kept else start + table[1][slot]


@compiled
def _write_alias_rows(
    start: np.ndarray,
    stop: np.ndarray,
    weight: np.ndarray,
    share: np.ndarray,
    other: np.ndarray,
    first: int,
    last: int,
) -> None:
    for v in range(first, last):
        row = slice(start[v], stop[v])
        alias_row(weight[row], share[row], other[row])


@compiled
def alias_row(weight: np.ndarray, share: np.ndarray, other: np.ndarray) -> None:
    """Write the table of one row, whose ``share`` is 1 and ``other`` 0 before."""
    size, total = weight.size, 0.0
    for j in range(size):
        total += weight[j]
    if not total > 0:
        share[:] = -1
        return
    scaled = np.empty(size, np.float64)
    # The poor are stacked from the left, the rich from the right.
    stack = np.empty(size, np.int64)
    poor, rich = 0, size
    for j in range(size):
        scaled[j] = weight[j] * (size / total)
        if scaled[j] < 1:
            stack[poor] = j
            poor += 1
        else:
            rich -= 1
            stack[rich] = j
    while poor > 0 and rich < size:
        poor -= 1
        small, large = stack[poor], stack[rich]
        share[small] = scaled[small]
        other[small] = large
        scaled[large] += scaled[small] - 1
        if scaled[large] < 1:
            rich += 1
            stack[poor] = large
            poor += 1
    while poor > 0:
        # What is left over only by rounding; a weight of 0 is never left alone.
        poor -= 1
        if scaled[stack[poor]] > 0:
            share[stack[poor]] = 1
        else:
            share[stack[poor]] = 0
            other[stack[poor]] = np.argmax(weight)
