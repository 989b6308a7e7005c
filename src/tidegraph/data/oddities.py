"""What looks wrong in a log though it can be read: stray clocks, missing markers."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64

from tidegraph.data.ids.absent import mask_absent
from tidegraph.data.ids.rounded import are_rounded, rounded_text
from tidegraph.data.invisible import WITHIN
from tidegraph.data.log import Interactions
from tidegraph.data.origin import Origin, as_array, rows_text
from tidegraph.data.times.clocks import moment_text, span_text
from tidegraph.durations import DAY

_YEAR = 365 * DAY
_ENOUGH = 10
"""Of so many times the first and the last are no part of the middle."""
_NEARLY_ALL = 0.95
"""So many users begin at the first position where positions are each user's own."""
RESTART = (
    "positions restart for each user, so one of them is no moment that users share: a "
    "cut in time parts off whoever has the longest history; use leave_last"
)


@dataclass(frozen=True)
class Outliers:
    """Events whose clock is far from all the others.

    Attributes:
        events: How many.
        row: The row of the first, counted as the errors of the source count.
        where: The source and some of the rows in words.
        time: The time of the first.
        low: Where the middle 98 % of the events begin.
        high: Where they end.
    """

    events: int
    row: int
    where: str
    time: int
    low: int
    high: int

    def text(self) -> str:
        """Return them in a sentence."""
        return (
            f"{self.events:,} {'event is' if self.events == 1 else 'events are'} far "
            f"from the rest, which runs from {span_text(self.low, self.high)}: "
            f"{self.where}; the first says {moment_text(self.time)} ({self.time}). "
            "Mend or drop wrong clocks"
        )


@dataclass(frozen=True)
class OddIds:
    """Events whose id is unlikely to be meant as it stands.

    Attributes:
        why: It reads like a missing value, like a number that a spreadsheet has
            rounded, has a character inside that shows nothing, or is the same text as
            another id, with accents composed in another way.
        side: ``user`` or ``item``.
        column: The column of these ids.
        id: The first.
        events: How many events have one.
        row: The row of the first, counted as the errors of the source count.
        where: The source and some of the rows in words.
    """

    why: Literal["missing", "rounded", "hidden", "respelt"]
    side: str
    column: str
    id: str
    events: int
    row: int
    where: str

    def text(self) -> str:
        """Return them in a sentence."""
        if self.why == "rounded":
            return rounded_text(self.events, self.column, self.id, self.where)
        have = "event has" if self.events == 1 else "events have"
        article = "an" if self.side == "item" else "a"
        # What shows nothing is shown by its number.
        shown = repr(self.id) if self.why == "missing" else ascii(self.id)
        return (
            f"{self.events:,} {have} {article} {self.side} id like {shown} in column "
            f"{self.column!r} ({self.where}), {_MEANING[self.why]}"
        )


_MEANING = {
    "missing": "which may mean that it is missing. Drop them with missing='drop'",
    "hidden": "with a character inside that shows nothing. Take it out if it is not "
    "meant",
    "respelt": "which reads the same as another id, but is two spellings of Unicode "
    "(NFD and NFC) and so two ids. Normalize the column if they are one",
}


def is_by_day(log: Interactions) -> bool:
    """Whether every event is dated at midnight, so that only its day is known."""
    return log.clock == "seconds" and not bool((log.time % DAY).any())


def positions_restart(log: Interactions) -> bool:
    """Whether positions count the events of each user, not those of the log.

    Then nearly every user begins at its first position, and the log goes on after it.
    """
    if log.clock != "order" or not len(log) or log.time[0] == log.time[-1]:
        return False
    _, first = np.unique(log.user, return_index=True)
    begins = log.time[first] == log.time[0]
    return len(begins) > 1 and float(begins.mean()) >= _NEARLY_ALL


def outliers_in_time(log: Interactions) -> Outliers | None:
    """Return the events whose clock is far from the rest, if there are any.

    Far is more than a year, and more than the span of the middle 98 % of the events,
    before or after them. If none is, each time counts once, so that a time which stands
    for "unknown", such as 0, is not the rest however often it is there.
    """
    if log.clock != "seconds" or not len(log):
        return None
    once = log.time[np.append(True, log.time[1:] != log.time[:-1])]
    return _outliers_among(log, log.time) or _outliers_among(log, once)


def _outliers_among(
    log: Interactions, times: Int64[np.ndarray, " times"]
) -> Outliers | None:
    """Return the events that are far from the middle of some times, in their order."""
    cut = round(0.01 * len(times)) or int(len(times) >= _ENOUGH)
    low, high = int(times[cut]), int(times[-1 - cut])
    far = max(_YEAR, high - low)
    events = np.flatnonzero((log.time < low - far) | (log.time > high + far))
    if not len(events):
        return None
    first, row, where = _first_row_of(log, events)
    return Outliers(len(events), row, where, int(log.time[first]), low, high)


def ids_like_missing_values(log: Interactions) -> tuple[OddIds, ...]:
    """Return the sides of the log on which ids read like missing values."""
    like = [
        mask_absent(side.ids, "refuse").to_numpy() for side in (log.users, log.items)
    ]
    return tuple(
        OddIds("missing", *found) for found in _odd_ids_by_side(log, like[0], like[1])
    )


def ids_like_rounded_numbers(log: Interactions) -> tuple[OddIds, ...]:
    """Return the sides of the log on which ids read like rounded numbers."""
    users, items = are_rounded(log.users.ids), are_rounded(log.items.ids)
    return tuple(
        OddIds("rounded", *found) for found in _odd_ids_by_side(log, users, items)
    )


def ids_with_invisible_letters(log: Interactions) -> tuple[OddIds, ...]:
    """Return the sides of the log on which ids have invisible characters inside."""
    users, items = (
        _have_invisible_letters(log.users.ids),
        _have_invisible_letters(log.items.ids),
    )
    return tuple(
        OddIds("hidden", *found) for found in _odd_ids_by_side(log, users, items)
    )


def ids_with_unicode_twins(log: Interactions) -> tuple[OddIds, ...]:
    """Return the sides of the log on which an id is another one in other code points.

    Of canonically equivalent ids those count that are not in NFC.
    """
    users, items = _have_unicode_twin(log.users.ids), _have_unicode_twin(log.items.ids)
    return tuple(
        OddIds("respelt", *found) for found in _odd_ids_by_side(log, users, items)
    )


def _have_unicode_twin(ids: pl.Series) -> Bool[np.ndarray, " ids"]:
    odd = np.zeros(len(ids), np.bool_)
    if ids.dtype != pl.String:
        return odd
    beyond_ascii = ids.str.len_bytes() > ids.str.len_chars()
    wide = ids.filter(beyond_ascii)
    composed = wide.str.normalize("NFC")
    # What is ASCII as composed has no twin that is not, but for a few signs.
    twin = composed.is_duplicated() | composed.is_in(
        ids.filter(~beyond_ascii).implode()
    )
    odd[beyond_ascii.fill_null(False).to_numpy()] = (
        (composed != wide) & twin
    ).to_numpy()
    return odd


def _have_invisible_letters(ids: pl.Series) -> Bool[np.ndarray, " ids"]:
    if ids.dtype != pl.String:
        return np.zeros(len(ids), np.bool_)
    return ids.str.contains(WITHIN).fill_null(False).to_numpy()


def _odd_ids_by_side(
    log: Interactions,
    users: Bool[np.ndarray, " users"],
    items: Bool[np.ndarray, " items"],
) -> list[tuple[str, str, str, int, int, str]]:
    """Return what is odd of each side: its name, column, an id, events, rows."""
    origin = _origin_of(log)
    found: list[tuple[str, str, str, int, int, str]] = []
    for side, column, ids, codes, odd in (
        ("user", origin.user, log.users.ids, log.user, users),
        ("item", origin.item, log.items.ids, log.item, items),
    ):
        events = np.flatnonzero(odd[codes]) if odd.any() else np.zeros(0, np.int64)
        if len(events):
            first, row, where = _first_row_of(log, events)
            id_ = str(ids[int(codes[first])])
            found.append((side, column, id_, len(events), row, where))
    return found


def _first_row_of(
    log: Interactions, events: Int64[np.ndarray, " events"]
) -> tuple[int, int, str]:
    """Return the event that stands first in the source, its row, and all in words."""
    origin = _origin_of(log)
    rows = as_array(origin.row)[events]
    first = int(rows.argmin())
    return int(events[first]), int(rows[first]), rows_text(origin.name, rows)


def _origin_of(log: Interactions) -> Origin:
    """Return the origin of a log; one that was made in memory is its own."""
    return log.origin or Origin("the log", "user", "item", range(len(log)))
