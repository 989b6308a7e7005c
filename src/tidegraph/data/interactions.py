"""A log of interactions from columns."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, cast

import numpy as np
import polars as pl
from jaxtyping import Float32, Int8, Int64, Num, Shaped

from tidegraph.arguments import checked
from tidegraph.arguments.conversion import shown
from tidegraph.data.ids.id_column import Coded, coded
from tidegraph.data.ids.identity import NotAnIdError, column
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.log import Interactions
from tidegraph.data.origin import Origin
from tidegraph.data.times.clocks import Clock
from tidegraph.data.times.faults import first_fault
from tidegraph.errors import DataError
from tidegraph.small_arrays import never_fall

FARTHEST = 1 << 62
"""No time is so far from 1970 or the first position; room is left to count ahead."""


@checked(DataError)
def interactions(
    user: Any,
    item: Any,
    time: Any = None,
    label: Any = None,
    weight: Any = None,
    context: pl.DataFrame | None = None,
    *,
    clock: Clock = "seconds",
    missing: Literal["refuse", "keep"] = "refuse",
) -> Interactions:
    """Build a log from columns of raw ids, sorting it by time.

    The sort is stable, and both vocabularies list ids by first appearance in time, so
    that later events never change the row of an earlier one.

    Args:
        user: Raw user ids, one per event: a list, array or series.
        item: Raw item ids.
        time: Unix seconds, or whole positions if ``clock`` is "order". A fraction
            of a second orders the events, then is dropped. If left out, the log has no
            times, or with ``clock="order"`` each event its place among the rows.
        label: 1 or 0; all 1 if left out.
        weight: Finite numbers; all 1 if left out.
        context: Further columns to carry along.
        clock: Whether ``time`` counts seconds, or only orders the events ("order").
            Of "none" there are no times.
        missing: Markers such as ``NULL`` are refused, or kept as ids.

    Raises:
        DataError: Columns differ in length, or a value is missing or out of range; rows
            count from 0.
    """
    who, what = _id_column(user, "user"), _id_column(item, "item")
    if time is None:
        when, clock = untimed(len(who), clock)
    elif clock == "none":
        raise DataError(
            'times are given beside clock="none", which says that there are none. '
            "Leave out one of the two."
        )
    else:
        when = _numbers(time, "time")
    if not len(who) == len(what) == len(when):
        raise DataError(
            f"columns differ in length: {len(who)} users, {len(what)} items, "
            f"{len(when)} times."
        )
    if when.dtype.kind not in "iuf":
        raise DataError(
            f"times are {when.dtype}, and Unix seconds are expected. "
            "Turn them into numbers, or build the log with read()."
        )
    beyond = ~np.isfinite(when) | (np.abs(when.astype(np.float64)) >= FARTHEST)
    _refuse("time", when, beyond, "a finite number of Unix seconds, below 2**62")
    _refuse_rounded(when, clock)
    rows = len(when)
    labels = np.ones(rows, np.int8) if label is None else _numbers(label, "label")
    _refuse("label", labels, (labels != 0) & (labels != 1), "1 (action) or 0 (none)")
    weights = np.ones(rows, np.float32)
    if weight is not None:
        weights = _numbers(weight, "weight")
    if not len(labels) == len(weights) == rows:
        raise DataError(
            f"columns differ in length: {len(labels)} labels and {len(weights)} "
            f"weights for {rows} events."
        )
    far = ~(np.abs(weights.astype(np.float64)) <= np.finfo(np.float32).max)
    _refuse("weight", weights, far, "a finite number of at most 3.4e38")
    return from_codes(
        coded(who, "user", "events", missing),
        coded(what, "item", "events", missing),
        when.astype(np.float64 if when.dtype.kind == "f" else np.int64),
        label=labels.astype(np.int8),
        weight=weights.astype(np.float32),
        context=context,
        clock=clock,
        origin=Origin("events", "user", "item", range(rows)),
    )


def _id_column(values: object, what: str) -> pl.Series:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise DataError(
            f"{what} is {shown(values)}, and a column of ids is expected. "
            "Pass a list, an array or a series."
        )
    try:
        return column(cast(object, values)).alias(what)
    except NotAnIdError as error:
        raise DataError(f"{what}, row {error.row}: {error.reason}") from error
    except TypeError as error:
        raise DataError(f"{what} is no column of ids: {error}.") from error


def _numbers(values: object, what: str) -> np.ndarray:
    """Return a column as an array of one dimension."""
    with suppress(ValueError, TypeError, OverflowError):
        array = np.asarray(_as_sequence(values))
        if array.ndim == 1 and array.dtype.kind in "biufM":
            return array.astype(np.int64) if array.dtype.kind == "b" else array
    raise DataError(
        f"{what} is {shown(values)}, and a column of numbers is expected. "
        "Turn it into a list or an array of numbers, or build the log with read()."
    )


def _as_sequence(values: Any) -> Any:
    """Return a column of any kind as NumPy takes it, nothing where there is none."""
    if isinstance(values, str | bytes | Mapping) or hasattr(
        type(cast(object, values)), "columns"
    ):
        return None
    if isinstance(values, set) or not hasattr(values, "__len__"):
        return list(cast(Iterable[object], values))
    return cast(object, values)


def untimed(rows: int, clock: Clock) -> tuple[Int64[np.ndarray, " n"], Clock]:
    """Return the times of a log that has no column of times, and their clock."""
    if clock == "order":
        return np.arange(rows), "order"
    return np.zeros(rows, np.int64), "none"


def from_codes(
    who: Coded,
    what: Coded,
    when: Num[np.ndarray, " n"],
    *,
    label: Int8[np.ndarray, " n"],
    weight: Float32[np.ndarray, " n"],
    context: pl.DataFrame | None = None,
    per_second: int = 1,
    clock: Clock = "seconds",
    dropped: int = 0,
    origin: Origin | None = None,
) -> Interactions:
    """Build a log from checked columns, sorting it by time; the arrays are given away.

    Args:
        who: The user of each event.
        what: The item of each event.
        when: Time of each event since 1970, in whole or fractional ticks.
        label: 1 for an action, 0 for an impression without one.
        weight: Strength of each event.
        context: Further columns to carry along.
        per_second: Ticks in a second; what is finer than a second only orders events.
        clock: What a whole tick is; with "none" the times must be alike.
        dropped: How many rows of the source were left out.
        origin: Where the events stand in the source, before they are sorted.
    """
    carried = context if context is not None else pl.DataFrame()
    if not never_fall(when):
        order = np.argsort(when, kind="stable")
        for column in (when, who.code, what.code, label, weight):
            # In place, so that only one column exists twice at a time.
            column[:] = column[order]
        who, what = replace(who, tidy=False), replace(what, tidy=False)
        carried = carried[order] if carried.width else carried
        origin = origin and origin.take(order)
    if when.dtype.kind == "f":
        when = np.floor(when / per_second).astype(np.int64)
    elif per_second != 1:
        when //= per_second
    who, what = (side if side.tidy else side.renumbered() for side in (who, what))
    return Interactions(
        user=who.code,
        item=what.code,
        time=when,
        label=label,
        weight=weight,
        users=Vocabulary.of_different(who.ids),
        items=Vocabulary.of_different(what.ids),
        context=carried,
        clock=clock,
        dropped=dropped,
        origin=origin,
    )


def _refuse_rounded(when: Num[np.ndarray, " n"], clock: Clock) -> None:
    """Raise for a time that a short float rounded, or a position with a fraction."""
    if when.dtype.kind != "f" or when.dtype.itemsize > 8:
        return
    whole = clock == "order"
    if fault := first_fault(when, pl.Series(when), signed=True, whole=whole):
        raise DataError(f"time {fault.found}, in row {fault.row}. {fault.mend}")


def _refuse(
    column: str, values: Shaped[np.ndarray, " n"], bad: Any, expected: str
) -> None:
    """Raise for the first of ``values`` that is ``bad``."""
    rows = np.flatnonzero(bad)
    if rows.size:
        raise DataError(
            f"{column} is {values[rows[0]]} in row {rows[0]}, not {expected}. "
            "Mend or drop the row."
        )
