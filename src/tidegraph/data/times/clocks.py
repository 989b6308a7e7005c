"""What the times of a log are: seconds, positions, or nothing."""

from typing import Literal

import numpy as np

from tidegraph.data.times.ticks import TimeUnit
from tidegraph.errors import DataError

Clock = Literal["seconds", "order", "none"]
"""Unix seconds; positions that only order events; no times, all of them alike."""


def moment_text(time: int, clock: Clock = "seconds", unit: TimeUnit = "s") -> str:
    """Return a time of a log, or of a graph of its unit, as a message shows it."""
    if clock == "seconds":
        return f"{np.datetime64(time, unit)}Z"
    return f"position {time}" if clock == "order" else "no time"


def span_text(first: int, last: int, clock: Clock = "seconds") -> str:
    """Return from when to when a log runs."""
    if clock == "none":
        return "without times"
    if clock == "order":
        return f"positions {first} to {last}"
    return f"{moment_text(first)[:-1]} to {moment_text(last)[:-1]}"


def refuse_without_seconds(clock: Clock, what: str) -> None:
    """Refuse a log whose times are not seconds, for what counts in days.

    Raises:
        DataError: They are positions, or there are none.
    """
    if clock != "seconds":
        found = "positions, not seconds" if clock == "order" else "no times"
        raise DataError(
            f"{what} counts in days, and this log has {found}. Leave it out, or read "
            "the log with its column of times."
        )


def refuse_without_order(clock: Clock, what: str) -> None:
    """Refuse a log without times, for what must know which event comes first.

    Raises:
        DataError: There are no times.
    """
    if clock == "none":
        raise DataError(
            f"{what} must know which event comes first, and this log has no times. "
            "Split it at random with random_split() or [split] random, by a column "
            "with split(by=...) or [split] by, or read it with its column of times, "
            "or of positions with time_unit='order'."
        )


def refuse_without_past(clock: Clock) -> None:
    """Refuse a log without times, where clicks are told from what was known before.

    Raises:
        DataError: There are no times.
    """
    if clock == "none":
        raise DataError(
            "the log has no times, so nothing says what was known at a click. Name its "
            "column of times; without one, retrieval alone can be trained and judged, "
            "split by random = 0 in a recipe."
        )


def refuse_other_clock(one: Clock, other: Clock) -> None:
    """Refuse events whose times are of another kind than those of a log.

    Raises:
        DataError: The two clocks differ.
    """
    if one != other:
        raise DataError(
            f"the times of one log are {one!r} and of the other {other!r}, so they "
            "cannot be joined. Read both alike."
        )
