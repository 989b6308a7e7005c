"""Tables for drawing in proportion to weights: running sums and aliases."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int, Int32, Int64

from tidegraph.kernels.intrinsics import choose
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.keyed_rng import after, below, mixed, unit


@compiled
def strength(weight: np.ndarray, edge: int) -> np.float32:
    """Return the weight of an edge; 1 where none is held."""
    return weight[edge] if 0 <= edge < weight.size else np.float32(1)


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


class PrefixSums(NamedTuple):
    """Running sums of weights, each row for itself.

    So no edge of another row, nor a later one of the same, has a say in them.

    Attributes:
        before: Total weight of the row's slots before each.
        through: The same with the slot itself.
    """

    before: Float64[np.ndarray, " room"]
    through: Float64[np.ndarray, " room"]


NO_SUMS = PrefixSums(np.zeros(0), np.zeros(0))


def prefix_sums(
    start: Int64[np.ndarray, " rows"],
    stop: Int64[np.ndarray, " rows"],
    edge: Int[np.ndarray, " slots"],
    weight: Float32[np.ndarray, " edges"],
) -> PrefixSums:
    """Return the running sums of weights that stand in rows."""
    sums = PrefixSums(np.zeros(len(edge)), np.zeros(len(edge)))
    add_up(start, start, stop, edge, weight, sums)
    return sums


def add_up(
    start: Int64[np.ndarray, " rows"],
    since: Int64[np.ndarray, " rows"],
    stop: Int64[np.ndarray, " rows"],
    edge: Int[np.ndarray, " slots"],
    weight: Float32[np.ndarray, " edges"],
    sums: PrefixSums,
) -> None:
    """Write the running sums of rows, from the slots ``since`` on."""
    over_rows(
        lambda a, b: _write_prefix_sums(start, since, stop, edge, weight, sums, a, b),
        len(start),
        1024,
    )


def note_negatives(
    start: Int64[np.ndarray, " rows"],
    since: Int64[np.ndarray, " rows"],
    stop: Int64[np.ndarray, " rows"],
    edge: Int[np.ndarray, " slots"],
    weight: Float32[np.ndarray, " edges"],
    latest: Int64[np.ndarray, " room"],
) -> None:
    """Write the last slot below 0 of its row up to each slot, from ``since`` on.

    It is -1 where there is none, so that one number says whether a past has any.
    """
    over_rows(
        lambda a, b: _write_negatives(start, since, stop, edge, weight, latest, a, b),
        len(start),
        1024,
    )


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
def own_alias(
    start: np.ndarray,
    stop: np.ndarray,
    key: np.ndarray,
    edge: np.ndarray,
    weight: np.ndarray,
    slot: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Draw slots of some rows as ``by_alias`` does, from tables of these rows alone.

    Args:
        start: Where each row starts.
        stop: Where it stops.
        key: Random key of each row.
        edge: Number of the edge in each slot.
        weight: Weight by edge number.
        slot: Receives the slots; -1 where all weigh 0.
        first: The first row to do.
        last: One after the last.
    """
    for q in range(first, last):
        state, size = key[q], stop[q] - start[q]
        table = AliasTable(np.ones(size, np.float32), np.zeros(size, np.int32))
        strengths = np.empty(size, np.float32)
        for s in range(size):
            strengths[s] = strength(weight, int(edge[start[q] + s]))
        alias_row(strengths, table[0], table[1])
        for j in range(slot.shape[1]):
            state = after(state)
            at = by_alias(table, 0, size, mixed(state)) if size > 0 else -1
            slot[q, j] = start[q] + at if at >= 0 else -1


@compiled
def by_sum(sums: PrefixSums, start: int, stop: int, drawn: np.uint64) -> int:
    """Return the slot that 64 bits choose from part of a row, -1 if all weigh 0."""
    if stop <= start:
        return -1
    first, through = sums[0][start], sums[1]
    total = through[stop - 1] - first
    if not total > 0:
        return -1
    aim = first + unit(drawn) * total
    low, size = start, stop - start
    while size > 0:
        half = (size + 1) >> 1
        low = choose(through[low + half - 1] <= aim, low + half, low)
        size -= half
    # Rounding may aim beyond the last slot that weighs something.
    low = min(low, stop - 1)
    while low > start and through[low] == sums[0][low]:
        low -= 1
    return low


@compiled
def _write_prefix_sums(
    start: np.ndarray,
    since: np.ndarray,
    stop: np.ndarray,
    edge: np.ndarray,
    weight: np.ndarray,
    sums: PrefixSums,
    first: int,
    last: int,
) -> None:
    for v in range(first, last):
        total = sums[1][since[v] - 1] if since[v] > start[v] else 0.0
        for s in range(since[v], stop[v]):
            sums[0][s] = total
            total += strength(weight, edge[s])
            sums[1][s] = total


@compiled
def _write_negatives(
    start: np.ndarray,
    since: np.ndarray,
    stop: np.ndarray,
    edge: np.ndarray,
    weight: np.ndarray,
    latest: np.ndarray,
    first: int,
    last: int,
) -> None:
    for v in range(first, last):
        seen = latest[since[v] - 1] if since[v] > start[v] else -1
        for s in range(since[v], stop[v]):
            if strength(weight, edge[s]) < 0:
                seen = s
            latest[s] = seen


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
