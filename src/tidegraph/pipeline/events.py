"""New events as callers write them, as a log: all of a call or nothing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from time import time as now
from typing import Any, Literal, cast

import numpy as np
import polars as pl
from jaxtyping import Num

from tidegraph.data.ids.absent import is_absent
from tidegraph.data.ids.identity import FEW, is_torn, series
from tidegraph.data.ids.rounded import is_rounded
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.origin import Origin, as_array, rows_text
from tidegraph.data.read_alike import COLUMNS, is_table, read_alike
from tidegraph.data.split import exact_second, position_of
from tidegraph.data.times.clocks import Clock, moment_text, refuse_other_clock
from tidegraph.data.times.ticks import BEYOND
from tidegraph.durations import DAY
from tidegraph.errors import DataError, type_of
from tidegraph.graph.from_log import Arrivals
from tidegraph.pipeline.serving import Serving

_MOST = float(np.finfo(np.float32).max)
Events = object
"""Tuples ``(user, item, time)``, perhaps with a label and a weight; or a frame, an
Arrow table or a mapping with these columns. The time may be left out where the log of
training had none."""


def events_log(
    events: Events,
    serving: Serving,
    context: Collection[str],
    missing: Literal["refuse", "keep"],
) -> Interactions | Arrivals | None:
    """Return new events on the clock of a model; none if there are none.

    Args:
        events: As ``Events`` says.
        serving: What the model keeps of how its log was read.
        context: Further columns that are read from frames and mappings that have them.
        missing: Markers such as ``NULL`` are refused, or kept as ids.

    Raises:
        DataError: An event is not one, its time is not one on this clock or is yet to
            come, or an id is missing.
    """
    log = _as_log(events, serving, context, missing)
    if isinstance(log, Interactions) and serving.clock == "seconds":
        _refuse_future_events(log, serving.trained_until)
    return log


def _as_log(
    events: Events,
    serving: Serving,
    context: Collection[str],
    missing: Literal["refuse", "keep"],
) -> Interactions | Arrivals | None:
    clock = serving.clock
    if isinstance(events, Interactions):
        if not len(events):
            return None
        refuse_other_clock(clock, events.clock)
        return events
    events = _listed_if_one(events)
    if is_table(events):
        reading = serving.reading
        return read_alike(
            events,
            reading,
            clock,
            roles=COLUMNS if reading is None else reading.roles,
            context=context,
            missing=missing,
            historic=_is_historic(serving),
        )
    if isinstance(events, str | bytes) or not isinstance(events, Iterable):
        raise DataError(
            f"events are {type_of(events)}. Pass a list of tuples (user, "
            "item, time), or a frame with these columns."
        )
    return _events_of_rows(cast(Iterable[Any], events), serving, context, missing)


def _events_of_rows(
    events: Iterable[Any],
    serving: Serving,
    context: Collection[str],
    missing: Literal["refuse", "keep"],
) -> Interactions | Arrivals | None:
    clock = serving.clock
    if isinstance(events, np.ndarray):
        events = cast(Any, np.atleast_1d(cast(Any, events)))
    given = list[Any](events)
    least = None if serving.reading is None else serving.reading.format.at_least
    rows = [_event_of_row(row, place, clock, least) for place, row in enumerate(given)]
    rows = rows if least is None else _events_of_weight(rows, least)
    if not rows:
        return None
    carried = _context_of_rows(given, context)
    few = carried is None and len(rows) <= FEW
    plain = _plain_arrivals(rows, clock, missing) if few else None
    return plain or _log_of_rows(rows, carried, serving, missing)


def _log_of_rows(
    rows: Sequence[tuple[Any, ...]],
    context: pl.DataFrame | None,
    serving: Serving,
    missing: Literal["refuse", "keep"],
) -> Interactions:
    user, item, time, label, weight = zip(*rows, strict=True)
    clock = serving.clock
    return interactions(
        series(list(user), "user of the events"),
        series(list(item), "item of the events"),
        None if clock == "none" else _event_times(time, serving),
        _as_numbers(label, "label"),
        _as_numbers(weight, "weight"),
        context,
        clock=clock,
        missing=missing,
    )


def _plain_arrivals(
    rows: list[tuple[Any, ...]],
    clock: Clock,
    missing: Literal["refuse", "keep"],
) -> Arrivals | None:
    """Return a few events of whole seconds and plain ids; none if one is another.

    What is said of such that are none, a log says that is made of them.
    """
    if clock == "none" or not all([_is_plain(row, missing) for row in rows]):
        return None
    user, item, time, label, weight = zip(
        *sorted(rows, key=itemgetter(2)) if len(rows) > 1 else rows, strict=True
    )
    if clock == "seconds" and time[-1] > int(now()) + DAY:
        return None
    numbers = (
        np.array(time, np.int64),
        np.array(label, np.int8),
        np.array(weight, np.float32),
    )
    return Arrivals(user, item, *numbers, clock)


def _is_plain(row: tuple[Any, ...], missing: Literal["refuse", "keep"]) -> bool:
    *ids, time, label, weight = row
    for one in ids:
        if type(one) is str:
            if is_absent(one, missing) or is_rounded(one) or is_torn(one):
                return False
        elif type(one) is not int:
            return False
    return (
        type(time) is int
        and 0 <= time < BEYOND
        and type(label) is int
        and label in (0, 1)
        and type(weight) in (int, float)
        and abs(weight) <= _MOST
    )


def _refuse_future_events(log: Interactions, trained_until: int) -> None:
    """Raise for events of tomorrow, as the default time of answers is the last event's.

    Where training saw such events itself, the clock is not that of the wall.
    """
    soon = int(now()) + DAY
    if trained_until > soon or not len(log) or log.time[-1] <= soon:
        return
    ahead = np.flatnonzero(log.time > soon)
    origin = log.origin or Origin("the log", "user", "item", range(len(log)))
    rows = rows_text(origin.name, as_array(origin.row)[ahead])
    raise DataError(
        f"{rows}: the time {moment_text(int(log.time[ahead[0]]))} is more than a day "
        "from now, and would move the clock of every answer. Mend or drop wrong "
        "clocks; nothing was taken in."
    )


def _listed_if_one(events: object) -> object:
    """Return a mapping of single values, which is one event, in a list."""
    if not isinstance(events, Mapping):
        return events
    values = list(cast(Mapping[str, object], events).values())
    one = all(isinstance(v, str | bytes) or not hasattr(v, "__len__") for v in values)
    return [cast(object, events)] if one else cast(object, events)


def _context_of_rows(
    rows: Iterable[Any], names: Collection[str]
) -> pl.DataFrame | None:
    """Return what events that are mappings say beside user, item and time."""
    said = [_as_mapping(row) for row in rows] if names else []
    given = [name for name in names if any(name in row for row in said)]
    if not given:
        return None
    columns = {name: [row.get(name) for row in said] for name in given}
    return pl.DataFrame(columns, strict=False)


def _as_mapping(row: Any) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], row) if isinstance(row, Mapping) else {}


def _event_of_row(
    row: Any, place: int, clock: Clock, least: float | None
) -> tuple[Any, ...]:
    """Return user, item, time, label and weight of one event, if it has them.

    A tuple without a weight says that something happened; a mapping is a row of a
    table, of which the weight says whether it is an event where one of ``least`` is.
    """
    usual = 1.0 if least is None else least
    if isinstance(row, Mapping):
        given = cast(Mapping[str, Any], row)
        needed = COLUMNS[: 2 if clock == "none" else 3]
        needed += () if least is None else ("weight",)
        lacking = [name for name in needed if name not in given]
        if lacking:
            raise DataError(
                f"event {place} has no {lacking[0]!r}; it has: "
                f"{', '.join(map(str, given)) or 'nothing'}. Name the values "
                f"{', '.join(needed[:-1])} and {needed[-1]}; nothing was taken in."
            )
        row = [given["user"], given["item"], given.get("time")]
        row += [given.get("label", 1), given.get("weight", usual)]
    sized = isinstance(row, tuple | list) or (
        isinstance(row, Sequence | np.ndarray) and not isinstance(row, str | bytes)
    )
    values = list(cast(Sequence[Any], row)) if sized else []
    if clock == "none" and len(values) == 2:
        values.append(None)
    if not 3 <= len(values) <= 5:
        raise DataError(
            f"event {place} is {row!r}. Write (user, item, time), perhaps with a label "
            "and a weight behind; nothing was taken in."
        )
    return (*values, *(1, usual)[len(values) - 3 :])


def _events_of_weight(
    rows: list[tuple[Any, ...]], least: float
) -> list[tuple[Any, ...]]:
    """Return the events that weigh at least so much, each with a weight of 1."""
    weight = _as_numbers([row[4] for row in rows], "weight").tolist()
    return [(*row[:4], 1.0) for row, w in zip(rows, weight, strict=True) if w >= least]


def _event_times(times: Sequence[Any], serving: Serving) -> Num[np.ndarray, " n"]:
    """Return positions, or seconds whose fraction orders the events."""
    if serving.clock == "order":
        when = [_event_position(time, place) for place, time in enumerate(times)]
    else:
        least = -BEYOND if _is_historic(serving) else 0
        when = [_event_second(time, place, least) for place, time in enumerate(times)]
    whole = all(time == int(time) for time in when)
    return np.array(when, np.int64 if whole else np.float64)


def _is_historic(serving: Serving) -> bool:
    """Whether a number below 0 is a time, as those are that the model hands out."""
    return serving.clock == "seconds" and serving.trained_until < 0


def _event_position(time: Any, place: int) -> int:
    mend = "Write a whole number; nothing was taken in."
    return position_of(time, f"the time of event {place}", mend)


def _event_second(time: Any, place: int, least: int | float) -> float:
    """Return the time of an event, Unix seconds from ``least`` on if it is a number."""
    if isinstance(time, int | float | np.number) and not isinstance(time, bool):
        if least <= cast(float, time) < BEYOND:
            return float(cast(float, time))
        raise DataError(
            f"event {place} has the time {cast(object, time)!r}, not Unix seconds. "
            "Pass whole seconds since 1970, or a datetime; nothing was taken in."
        )
    return exact_second(time, f"the time of event {place}")


def _as_numbers(values: Sequence[Any], what: str) -> np.ndarray:
    try:
        return np.array([float(value) for value in values])
    except (TypeError, ValueError):
        raise DataError(
            f"a {what} of the events is not a number. Write numbers; nothing was "
            "taken in."
        ) from None
