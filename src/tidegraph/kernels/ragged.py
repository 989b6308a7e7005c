"""Rows of different lengths laid end to end: where they start, and whose an entry is.

``ptr`` has one more entry than there are rows; row r is ``ptr[r]`` to ``ptr[r + 1]``.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Int64, Num, Shaped

from tidegraph.kernels.jit import compiled, over_rows

Starts = Int64[np.ndarray, " starts"]
AS_ASKED = 1024
"""Up to so many places a padded batch is as wide as was asked."""


def starts(
    sizes: Num[np.ndarray, " rows"] | Bool[np.ndarray, " rows"],
) -> Starts:
    """Return where rows of these sizes start."""
    ptr = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=ptr[1:])
    return ptr


def owners(ptr: Starts) -> Int64[np.ndarray, " entries"]:
    """Return the row that each entry belongs to."""
    return np.repeat(np.arange(len(ptr) - 1, dtype=np.int64), np.diff(ptr))


def consecutive(
    ptr: Starts, start: int, stop: int
) -> tuple[Int64[np.ndarray, " part"], slice]:
    """Return where some consecutive rows start among themselves, and their entries."""
    part = ptr[start : stop + 1]
    entries = slice(int(part[0]), int(part[-1])) if len(part) else slice(0, 0)
    return part - part[:1], entries


def starts_where(ptr: Starts, keep: Bool[np.ndarray, " entries"]) -> Starts:
    """Return where the rows start once only some entries are kept."""
    return starts(keep)[ptr]


def end_to_end(ptrs: Sequence[Int64[np.ndarray, " _"]]) -> Starts:
    """Return where the rows of several ragged arrays start, one after the other."""
    return starts(np.concatenate([np.diff(ptr) for ptr in ptrs]))


def places(asked: int, existing: int) -> int:
    """Return how many places each row of a padded batch gets.

    Batches that usual questions get are as wide as was asked, whatever is in them. Who
    asks for more than anybody has, to get all, takes no memory for what is not there.

    Args:
        asked: How many entries of each row are wanted at most.
        existing: How many the longest row has, or could have.
    """
    return min(asked, max(AS_ASKED, existing))


def latest_places(
    start: Int64[np.ndarray, " rows"], stop: Int64[np.ndarray, " rows"], count: int
) -> Int64[np.ndarray, "rows count"]:
    """Return the places of the last entries of each row, the very last first, or -1."""
    place = stop[:, None] - 1 - np.arange(count)
    return np.where(place >= start[:, None], place, -1)


def values_at(
    values: Shaped[np.ndarray, " entries"],
    place: Int64[np.ndarray, "rows count"],
    none: int,
) -> Shaped[np.ndarray, "rows count"]:
    """Return the value at each place, ``none`` where the place is -1."""
    there = place >= 0
    found = np.full(place.shape, none, values.dtype)
    found[there] = values[place[there]]
    return found


def in_batches(parts: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Yield the rows of arrays laid end to end, ``size`` at a time, the rest at last.

    A batch goes on where an array ends, so that many short arrays make few batches.
    """
    held, count = list[np.ndarray](), 0
    for part in parts:
        held.append(part)
        count += len(part)
        while count >= size:
            whole = held[0] if len(held) == 1 else np.concatenate(held)
            yield whole[:size]
            held, count = [whole[size:]], count - size
    if count:
        yield np.concatenate(held)


def ranges(
    start: Int64[np.ndarray, " q"], ptr: Int64[np.ndarray, " starts"]
) -> Int64[np.ndarray, " slots"]:
    """Return ``start[q], start[q] + 1, ...`` laid end to end as ``ptr`` says."""
    slots = np.empty(int(ptr[-1]), np.int64)
    over_rows(
        lambda a, b: _write_ranges(start, ptr, slots, a, b), len(start), grain=4096
    )
    return slots


@compiled
def _write_ranges(
    start: np.ndarray, ptr: np.ndarray, slots: np.ndarray, first: int, last: int
) -> None:
    for q in range(first, last):
        for j in range(ptr[q + 1] - ptr[q]):
            slots[ptr[q] + j] = start[q] + j
