"""Sequences in pieces that a network reads at once, and pieces in batches."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64

from tidegraph.kernels.ragged import latest_places, owners, starts, values_at


class Pieces(NamedTuple):
    """Consecutive events of users.

    Attributes:
        user: Whose they are.
        first: Where each starts among the events of all users.
        stop: Where it ends.
    """

    user: Int64[np.ndarray, " n"]
    first: Int64[np.ndarray, " n"]
    stop: Int64[np.ndarray, " n"]

    @property
    def size(self) -> Int64[np.ndarray, " n"]:
        """How many events each has."""
        return self.stop - self.first

    def some(self, rows: Int64[np.ndarray, " r"]) -> "Pieces":
        """Return some of them."""
        return Pieces(self.user[rows], self.first[rows], self.stop[rows])


def pieces_of(
    ptr: Int64[np.ndarray, " starts"], length: int, overlap: int = 0
) -> Pieces:
    """Cut sequences into pieces, from the latest event back.

    An oldest event that would stand alone is read with the one after it.

    Args:
        ptr: Where each user's events start.
        length: Most events of a piece.
        overlap: How many events a piece shares with the one before it.

    Returns:
        Pieces of two events or more.
    """
    step = length - overlap
    count = -(-np.maximum(np.diff(ptr) - overlap, 0) // step)
    own = starts(count)
    user = owners(own)
    later = np.arange(len(user)) - own[user]
    stop = ptr[user + 1] - later * step
    first = np.maximum(ptr[user], stop - length)
    alone = (stop - first == 1) & (stop < ptr[user + 1]) & (length > 1)
    pieces = Pieces(user, first, stop + alone)
    several = pieces.size > 1
    return Pieces(*(side[several] for side in pieces))


def batches_of(pieces: Pieces, size: int, rng: np.random.Generator) -> Iterator[Pieces]:
    """Yield every piece once, in batches of about as many events as ``size`` have.

    Those of a batch are of about one length, so that few places are empty; batches
    come in a random order. As all are alike in events, each event weighs the same.
    """
    by_chance = rng.permutation(len(pieces.size))
    order = by_chance[np.argsort(pieces.size[by_chance], kind="stable")]
    done = np.cumsum(pieces.size[order])
    batch = (done - 1) // int(np.ceil(size * done[-1] / len(order)))
    # A piece of more events than a batch has skips the number of one.
    ptr = starts(np.unique(batch, return_counts=True)[1])
    for part in rng.permutation(len(ptr) - 1):
        yield pieces.some(order[ptr[part] : ptr[part + 1]])


def latest_first(
    item: Int32[np.ndarray, " events"],
    first: Int64[np.ndarray, " b"],
    stop: Int64[np.ndarray, " b"],
) -> tuple[Int64[np.ndarray, "b h"], Bool[np.ndarray, "b h"]]:
    """Return the items of events, the latest first, and where there are any; else 0."""
    width = int((stop - first).max(initial=0))
    place = latest_places(first, stop, width)
    return values_at(item, place, 0).astype(np.int64), place >= 0
