"""Sums of votes that fade with age, exact in their order however old the votes are.

Each sum is kept with a count of halvings of its own, that of its newest vote; older
votes are scaled down to it by an exact power of two. So sums of any size are compared
as they are, and one that would be 0 as a float is still above a smaller one.
"""

from typing import Any

import numpy as np

from tidegraph.kernels.jit import compiled
from tidegraph.kernels.topk import drain, push
from tidegraph.retrieval.decay import as_float, as_key, halved

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


@compiled
def all_fading(
    speakers: Arrays, votes: Rows, out: np.ndarray, first: int, last: int
) -> None:
    """Write the score of every item that somebody speaks for into ``out``."""
    scratch = blank(votes[0].size - 1, out.shape[1])
    for request in range(first, last):
        count = tally(speakers, votes, scratch, request)
        for t in range(count):
            i = scratch[3][t]
            out[request, i] = as_float(as_key(scratch[1][i], scratch[2][i]))
            scratch[1][i] = np.nan


@compiled
def elect_fading(
    speakers: Arrays,
    votes: Rows,
    hidden: tuple[np.ndarray, np.ndarray],
    width: int,
    item: np.ndarray,
    score: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Write the items with the highest scores, best first, and their scores."""
    scratch = blank(votes[0].size - 1, width)
    total, block, touched = scratch[1], scratch[2], scratch[3]
    key = np.empty(item.shape[1], np.int64)
    for request in range(first, last):
        count = tally(speakers, votes, scratch, request)
        for e in range(hidden[0][request], hidden[0][request + 1]):
            if 0 <= hidden[1][e] < width:
                total[hidden[1][e]] = np.nan
        found = 0
        for t in range(count):
            i = touched[t]
            if total[i] == total[i]:
                found = push(item[request], key, found, i, as_key(total[i], block[i]))
            total[i] = np.nan
        drain(item[request], key, found)
        for place in range(found):
            score[request, place] = as_float(key[place])


@compiled
def blank(
    rows: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what ``tally`` notes: who has spoken, sums, their halvings, items."""
    return (
        np.full(rows, -1, np.int64),
        # NaN marks an item nobody has spoken for; a sum of votes may be 0.
        np.full(width, np.nan),
        np.zeros(width, np.int64),
        np.empty(width, np.int32),
    )


@compiled
def tally(speakers: Arrays, votes: Rows, scratch: Arrays, request: int) -> int:
    """Add up the votes of one request; return how many items got any."""
    ptr, row, gain, halvings = speakers
    spoken, total, block, touched = scratch
    count = 0
    for h in range(ptr[request + 1] - 1, ptr[request] - 1, -1):
        v = row[h]
        if v < 0 or v >= spoken.size or spoken[v] == request:
            continue
        spoken[v] = request
        for e in range(votes[0][v], votes[0][v + 1]):
            i = votes[1][e]
            vote = np.float64(gain[h]) * votes[2][e]
            if total[i] != total[i]:
                touched[count] = i
                count += 1
                total[i] = 0
            add(total, block, i, vote, halvings[h])
    return count


@compiled
def add(
    total: np.ndarray, block: np.ndarray, i: Any, value: Any, halvings: Any
) -> None:
    """Add a value that is halved so often to a sum that is kept halved ``block``."""
    if value == 0:
        return
    if total[i] == 0:
        total[i] = value
        block[i] = halvings
    elif halvings >= block[i]:
        total[i] += halved(value, halvings - block[i])
    else:
        total[i] = value + halved(total[i], block[i] - halvings)
        block[i] = halvings
