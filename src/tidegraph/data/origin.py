"""Where the events of a log stand in what it was read from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Integer, Shaped

Rows = range | Integer[np.ndarray, " _"]
"""The numbers that messages give to rows; a range where they follow one another."""
_NAMED = 3


@dataclass(frozen=True, eq=False)
class Origin:
    """What a log was read from, and the row of each event in it.

    Attributes:
        name: What messages call the source.
        user: Its column of users.
        item: Its column of items.
        row: The row of each event, counted as the errors of the source count.
        split: Its column of parts, which the log calls ``split``.
    """

    name: str
    user: str
    item: str
    row: Rows
    split: str = "split"

    def take(self, rows: slice | Shaped[np.ndarray, " rows"]) -> "Origin":
        """Return the same for some of the events; a slice copies nothing."""
        if isinstance(rows, slice):
            return replace(self, row=self.row[rows])
        return replace(self, row=as_array(self.row)[rows])

    def followed_by(self, later: "Origin") -> "Origin":
        """Return the origin of these events and of those of ``later``."""
        return replace(self, row=concatenated([self.row, later.row]))


def rows_text(name: str, rows: Integer[np.ndarray, " rows"]) -> str:
    """Return some rows of a source in words; the first few are named, in its order."""
    named = ", ".join(map(str, np.sort(rows)[:_NAMED].tolist()))
    more = ", ..." if len(rows) > _NAMED else ""
    return f"{name}, row{'s' * (len(rows) > 1)} {named}{more}"


def concatenated(parts: Sequence[Rows]) -> Rows:
    """Return rows one after the other, as a range where they are one."""
    whole = parts[0]
    for part in parts[1:]:
        if not (isinstance(whole, range) and isinstance(part, range)):
            break
        if whole.stop != part.start:
            break
        whole = range(whole.start, part.stop)
    else:
        return whole
    return np.concatenate([as_array(part) for part in parts])


def as_array(rows: Rows) -> Integer[np.ndarray, " rows"]:
    """Return rows as an array, of four bytes each where they fit."""
    if not isinstance(rows, range):
        return rows
    small = rows.stop < 2**32
    return np.arange(rows.start, rows.stop, dtype=np.uint32 if small else np.int64)
