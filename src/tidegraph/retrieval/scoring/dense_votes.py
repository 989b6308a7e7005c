"""Sums of dense votes: each voter of a request votes for every item."""

import numpy as np

from tidegraph.kernels.jit import compiled
from tidegraph.retrieval.scoring.decay import as_key, halve


@compiled
def sum_votes(
    voters: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    weight: np.ndarray,
    seen: np.ndarray,
    item: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Add up the votes for some items; ``-inf`` where nobody has one.

    Args:
        voters: Starts, rows, gains and halvings; see ``WeightedHistory.arrays``.
        weight: Row h says how much h votes for each item.
        seen: Which items vote and are voted for.
        item: The items that are to be scored, rising; all of them are read in line.
        out: Zeros, a row per request; the sums are written here.
        first: The first request.
        last: The one after the last.
    """
    ptr, row, gain, halvings = voters
    every = item.size == seen.size
    voted = np.full(seen.size, -1, np.int64)
    for request in range(first, last):
        total = out[request]
        nobody, newest = True, 0
        for h in range(ptr[request + 1] - 1, ptr[request] - 1, -1):
            v = row[h]
            if v < 0 or v >= seen.size or not seen[v] or voted[v] == request:
                continue
            voted[v] = request
            if nobody:
                nobody, newest = False, halvings[h]
            # Every item has a weight to every other, so what a float takes for 0
            # beside the newest item's votes decides nothing.
            amount = np.float32(halve(gain[h], halvings[h] - newest))
            votes = weight[v]
            if every:
                for i in range(item.size):
                    total[i] += amount * votes[i]
            else:
                for i in range(item.size):
                    total[i] += amount * votes[item[i]]
        for i in range(item.size):
            if nobody or not seen[item[i]]:
                total[i] = -np.inf


@compiled
def largest_vote(
    voters: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    weight: np.ndarray,
    seen: np.ndarray,
    item: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write which voter of each request votes most for each of its items.

    Args:
        voters: Starts, rows, gains and halvings; see ``WeightedHistory.arrays``.
        weight: Row h says how much h votes for each item.
        seen: Which items vote and are voted for.
        item: The items, a row per request.
        out: The voters are written here, where there is one.
    """
    ptr, row, gain, halvings = voters
    for request in range(item.shape[0]):
        for place in range(item.shape[1]):
            i = item[request, place]
            most = 0
            for h in range(ptr[request], ptr[request + 1]):
                v = row[h]
                if not (0 <= i < seen.size and 0 <= v < seen.size):
                    continue
                amount = as_key(np.float64(gain[h]) * weight[v, i], halvings[h])
                if amount > most:
                    most = amount
                    out[request, place] = v
