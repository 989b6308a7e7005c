"""Drawing in proportion to weights, by running sums."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int, Int64

from tidegraph.kernels.intrinsics import choose, prefetch
from tidegraph.kernels.jit import compiled, inlined, over_rows
from tidegraph.kernels.keyed_rng import GAMMA, after, mixed, unit

_SEARCHES = 256  # Advanced together, so that their cache misses overlap.


@compiled
def strength(weight: np.ndarray, edge: int) -> np.float32:
    """Return the weight of an edge; 1 where none is held."""
    return weight[edge] if 0 <= edge < weight.size else np.float32(1)


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
def draw_by_sums(
    sums: PrefixSums,
    start: np.ndarray,
    stop: np.ndarray,
    key: np.ndarray,
    slot: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Draw slots from parts of rows as ``by_sum`` does, many side by side.

    Their searches take each step together, so that their cache misses overlap.

    Args:
        sums: Running sums of all rows.
        start: Where each part starts.
        stop: Where it stops.
        key: Random key of each part; its states from the next on draw.
        slot: Receives the slots, as many as it is wide; -1 where all weigh 0.
        first: The first part to do.
        last: One after the last.
    """
    before, through = sums
    width, out = slot.shape[1], slot.reshape(slot.size)
    row, drawn = np.empty(_SEARCHES, np.int64), np.empty(_SEARCHES, np.uint64)
    aim = np.empty(_SEARCHES, np.float64)
    low, size = np.empty(_SEARCHES, np.int64), np.empty(_SEARCHES, np.int64)
    for block in range(first * width, last * width, _SEARCHES):
        count, longest = min(_SEARCHES, last * width - block), 0
        _lay_draws(block, width, key, row[:count], drawn)
        for b in range(count):
            prefetch(before, int(start[row[b]]))
            prefetch(through, int(stop[row[b]]) - 1)
        for b in range(count):
            begin, end = int(start[row[b]]), int(stop[row[b]])
            aim[b] = _aimed_at(sums, begin, end, drawn[b])
            low[b], size[b] = begin, end - begin if aim[b] >= 0 else 0
            longest = max(longest, size[b])
            prefetch(through, low[b] + ((size[b] + 1) >> 1) - 1)
        while longest > 0:
            for b in range(count):
                # A search that is over looks once more at a place that it has passed.
                half = (size[b] + 1) >> 1
                low[b] = choose(
                    through[low[b] + half - 1] <= aim[b], low[b] + half, low[b]
                )
                size[b] -= half
                prefetch(through, low[b] + ((size[b] + 1) >> 1) - 1)
            longest >>= 1
        for b in range(count):
            begin, end = int(start[row[b]]), int(stop[row[b]])
            found = _heavy(sums, begin, end, int(low[b])) if aim[b] >= 0 else -1
            out[block + b] = found


@compiled
def draw_by_own_sums(
    start: np.ndarray,
    stop: np.ndarray,
    key: np.ndarray,
    edge: np.ndarray,
    weight: np.ndarray,
    slot: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Draw slots from whole rows as ``draw_by_sums`` does, adding up these rows alone.

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
        state, size = key[q], max(stop[q] - start[q], 0)
        sums = PrefixSums(np.empty(size, np.float64), np.empty(size, np.float64))
        total = 0.0
        for s in range(size):
            sums[0][s] = total
            total += strength(weight, int(edge[start[q] + s]))
            sums[1][s] = total
        for j in range(slot.shape[1]):
            state = after(state)
            at = by_sum(sums, 0, size, mixed(state))
            slot[q, j] = start[q] + at if at >= 0 else -1


@compiled
def by_sum(sums: PrefixSums, start: int, stop: int, drawn: np.uint64) -> int:
    """Return the slot that 64 bits choose from part of a row, -1 if all weigh 0."""
    aim, through = _aimed_at(sums, start, stop, drawn), sums[1]
    if aim < 0:
        return -1
    low, size = start, stop - start
    while size > 0:
        half = (size + 1) >> 1
        low = choose(through[low + half - 1] <= aim, low + half, low)
        size -= half
    return _heavy(sums, start, stop, low)


@inlined
def _lay_draws(
    place: int, width: int, key: np.ndarray, row: np.ndarray, drawn: np.ndarray
) -> None:
    """Write the row and the bits of some of all draws, ``width`` of each row."""
    q = place // width
    j = place - q * width
    for b in range(row.size):
        if j == width:
            q, j = q + 1, 0
        j += 1
        row[b], drawn[b] = q, mixed(key[q] + GAMMA * np.uint64(j))


@inlined
def _aimed_at(sums: PrefixSums, start: int, stop: int, drawn: np.uint64) -> float:
    """Return the running sum that 64 bits choose; -1 if all of the part weigh 0."""
    if stop <= start:
        return -1.0
    first = sums[0][start]
    total = sums[1][stop - 1] - first
    return first + unit(drawn) * total if total > 0 else -1.0


@inlined
def _heavy(sums: PrefixSums, start: int, stop: int, slot: int) -> int:
    """Return a slot where the sum passed the aim, or the last that weighs something.

    Rounding may aim beyond all slots.
    """
    if slot == stop:
        slot -= 1
        while slot > start and sums[1][slot] == sums[0][slot]:
            slot -= 1
    return slot


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
