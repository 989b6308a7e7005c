"""What looks wrong in a log though it can be read: stray clocks, missing markers."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegraph.data.absent import absent
from tidegraph.data.clocks import moment_text, span_text
from tidegraph.data.log import Interactions
from tidegraph.data.split import DAY
from tidegraph.data.vocabulary import Vocabulary

_YEAR = 365 * DAY
_ROUNDED = r"^[+-]?[1-9]([.,][0-9]+)?[eE]\+[0-9]{1,3}$"
"""What is left of a long number, such as ``1.23457E+12``."""


@dataclass(frozen=True)
class Outliers:
    """Events whose clock is far from all the others.

    Attributes:
        events: How many.
        row: The row of the log, from 0, of the first.
        time: Its time.
        low: Where the middle 98 % of the events begin.
        high: Where they end.
    """

    events: int
    row: int
    time: int
    low: int
    high: int

    def text(self) -> str:
        """Return them in a sentence."""
        return (
            f"{self.events:,} {'event is' if self.events == 1 else 'events are'} far "
            f"from the rest, which runs from {span_text(self.low, self.high)}: the "
            f"first is event {self.row} in time order, {moment_text(self.time)} "
            f"({self.time}). Mend or drop wrong clocks"
        )


@dataclass(frozen=True)
class Markers:
    """Events whose id reads like a missing value.

    Attributes:
        side: ``user`` or ``item``.
        id: Such an id.
        events: How many events have one.
        row: The row of the log, from 0, of the first.
    """

    side: str
    id: str
    events: int
    row: int

    def text(self) -> str:
        """Return them in a sentence."""
        return (
            f"{self.events:,} {'event has' if self.events == 1 else 'events have'} a "
            f"{self.side} id like {self.id!r}, which may mean that it is missing, the "
            f"first in event {self.row} in time order. Drop them with missing='drop'"
        )


@dataclass(frozen=True)
class Ruined:
    """Events whose id is a number that a spreadsheet has rounded.

    Attributes:
        side: ``user`` or ``item``.
        id: Such an id.
        events: How many events have one.
    """

    side: str
    id: str
    events: int

    def text(self) -> str:
        """Return them in a sentence."""
        return (
            f"{self.events:,} {'event has' if self.events == 1 else 'events have'} a "
            f"{self.side} id like {self.id!r}, which a spreadsheet writes for a long "
            "number, so that several ids may have become one. Export the ids as text"
        )


def is_by_day(log: Interactions) -> bool:
    """Whether every event is dated at midnight, so that only its day is known."""
    return log.clock == "seconds" and not bool((log.time % DAY).any())


def outlying(log: Interactions) -> Outliers | None:
    """Return the few events whose clock is far from the rest, if there are any.

    Far is more than a year, and more than the span of the middle 98 % of the events,
    before or after them.
    """
    if log.clock != "seconds" or not len(log):
        return None
    last = len(log) - 1
    low, high = (int(log.time[round(share * last)]) for share in (0.01, 0.99))
    far = max(_YEAR, high - low)
    rows = np.flatnonzero((log.time < low - far) | (log.time > high + far))
    if not len(rows):
        return None
    row = int(rows[0])
    return Outliers(len(rows), row, int(log.time[row]), low, high)


def marked(log: Interactions) -> tuple[Markers, ...]:
    """Return the sides of the log on which ids read like missing values."""
    sides = (("user", log.users, log.user), ("item", log.items, log.item))
    found = (_marked(side, ids, codes) for side, ids, codes in sides)
    return tuple(marker for marker in found if marker is not None)


def _marked(side: str, ids: Vocabulary, codes: np.ndarray) -> Markers | None:
    like = absent(ids.ids, "refuse").to_numpy()
    rows = np.flatnonzero(like[codes])
    if not len(rows):
        return None
    row = int(rows[0])
    return Markers(side, str(ids.ids[int(codes[row])]), len(rows), row)


def ruined(log: Interactions) -> tuple[Ruined, ...]:
    """Return the sides of the log on which ids read like rounded numbers."""
    found: list[Ruined] = []
    for side, ids, codes in (
        ("user", log.users.ids, log.user),
        ("item", log.items.ids, log.item),
    ):
        if ids.dtype != pl.String:
            continue
        like = ids.str.contains(_ROUNDED).to_numpy()[codes]
        if like.any():
            example = str(ids[int(codes[like.argmax()])])
            found.append(Ruined(side, example, int(like.sum())))
    return tuple(found)
