"""A few of many numbers, counted anew: room for them is as small as they are few."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from tidegraph.small_arrays import places_among

WORTH = 64
"""Sorting a number takes as long as clearing room for so many."""
NONE = -1
"""Stands for no number, and for the place of a number that is not among the few."""


def are_few(count: int, many: int) -> bool:
    """Return whether counting anew takes less than room for all of them."""
    return count * WORTH < many


@dataclass(frozen=True, eq=False)
class Few:
    """Different numbers in rising order, so that their places are in order too.

    Attributes:
        number: The numbers, from 0 on.
    """

    number: Int32[np.ndarray, " few"]

    @classmethod
    def of(cls, *numbers: Int32[np.ndarray, "..."]) -> "Few":
        """Return the different numbers of some arrays, those below 0 left out."""
        given = np.concatenate([some.ravel() for some in numbers])
        many = int(given.max(initial=-1)) + 1
        if are_few(len(given), many):
            different = np.unique(given)
            return cls(different[np.searchsorted(different, 0) :])
        there = np.zeros(many, np.bool_)
        there[given[given >= 0]] = True
        return cls(np.flatnonzero(there).astype(np.int32))

    def __len__(self) -> int:
        return len(self.number)

    def places(self, numbers: Int32[np.ndarray, "*n"]) -> Int32[np.ndarray, "*n"]:
        """Return the place of each number, ``NONE`` where it is not among these."""
        if not len(self):
            return np.full(numbers.shape, NONE, np.int32)
        many = int(self.number[-1]) + 1
        if not are_few(numbers.size, many):
            # The last place is that of numbers beyond, and of -1.
            place = np.full(many + 1, NONE, np.int32)
            place[self.number] = np.arange(len(self), dtype=np.int32)
            return place[np.clip(numbers, -1, many)]
        return places_among(self.number, numbers).astype(np.int32)

    def at(self, places: Int32[np.ndarray, "*n"]) -> Int32[np.ndarray, "*n"]:
        """Return the number at each place, ``NONE`` where the place is."""
        if not len(self):
            return np.full(places.shape, NONE, np.int32)
        return np.where(places == NONE, np.int32(NONE), self.number[places])
