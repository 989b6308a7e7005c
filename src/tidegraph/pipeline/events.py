"""New events as callers write them, as a log: all of a call or nothing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from time import time as now
from typing import Any, Literal, cast

import numpy as np
import polars as pl
from jaxtyping import Num

from tidegraph.data.ids.identity import series
from tidegraph.data.interactions import Interactions, interactions
from tidegraph.data.origin import Origin, as_array, rows_text
from tidegraph.data.read_alike import COLUMNS, is_table, read_alike
from tidegraph.data.split import exact_second, position_of
from tidegraph.data.times.clocks import Clock, moment_text, refuse_other_clock
from tidegraph.data.times.ticks import BEYOND
from tidegraph.durations import DAY
from tidegraph.errors import DataError
from tidegraph.pipeline.serving import Serving

Events = object
"""Tuples ``(user, item, time)``, perhaps with a label and a weight; or a frame, an
Arrow table or a mapping with these columns. The time may be left out where the log of
training had none."""


def events_log(
    events: Events,
    serving: Serving,
    context: Collection[str],
    missing: Literal["refuse", "keep"],
) -> Interactions | None:
    """Return a log of new events on the clock of a model; none if there are none.

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
    if log is not None and serving.clock == "seconds":
        _refuse_future_events(log, serving.trained_until)
    return log


def _as_log(
    events: Events,
    serving: Serving,
    context: Collection[str],
    missing: Literal["refuse", "keep"],
) -> Interactions | None:
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
        )
    if isinstance(events, str | bytes) or not isinstance(events, Iterable):
        raise DataError(
            f"events are a {type(events).__name__}. Pass a list of tuples (user, "
            "item, time), or a frame with these columns."
        )
    given: Any = cast(Any, events)
    if isinstance(given, np.ndarray):
        given = np.atleast_1d(cast(Any, given))
    least = None if serving.reading is None else serving.reading.format.at_least
    usual = 1.0 if least is None else least
    rows = [_event_of_row(row, place, clock, usual) for place, row in enumerate(given)]
    rows = rows if least is None else _events_of_weight(rows, least)
    if not rows:
        return None
    user, item, time, label, weight = zip(*rows, strict=True)
    return interactions(
        series(list(user), "user of the events"),
        series(list(item), "item of the events"),
        None if clock == "none" else _event_times(time, clock),
        _as_numbers(label, "label"),
        _as_numbers(weight, "weight"),
        _context_of_rows(given, context),
        clock=clock,
        missing=missing,
    )


def _refuse_future_events(log: Interactions, trained_until: int) -> None:
    """Raise for events of tomorrow, as the default time of answers is the last event's.

    Where training saw such events itself, the clock is not that of the wall.
    """
    soon = int(now()) + DAY
    ahead = np.flatnonzero(log.time > soon)
    if trained_until > soon or not len(ahead):
        return
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


def _event_of_row(row: Any, place: int, clock: Clock, usual: float) -> tuple[Any, ...]:
    """Return user, item, time, label and weight of one event, if it has them."""
    if isinstance(row, Mapping):
        given = cast(Mapping[str, Any], row)
        needed = COLUMNS[: 2 if clock == "none" else 3]
        lacking = [name for name in needed if name not in given]
        if lacking:
            raise DataError(
                f"event {place} has no {lacking[0]!r}; it has: "
                f"{', '.join(map(str, given)) or 'nothing'}. Name the values "
                f"{', '.join(needed[:-1])} and {needed[-1]}; nothing was taken in."
            )
        row = [given["user"], given["item"], given.get("time")]
        row += [given.get("label", 1), given.get("weight", usual)]
    sized = isinstance(row, Sequence | np.ndarray) and not isinstance(row, str | bytes)
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


def _event_times(times: Sequence[Any], clock: Clock) -> Num[np.ndarray, " n"]:
    """Return positions, or seconds whose fraction orders the events."""
    placed = _event_position if clock == "order" else _event_second
    when = [placed(time, place) for place, time in enumerate(times)]
    whole = all(time == int(time) for time in when)
    return np.array(when, np.int64 if whole else np.float64)


def _event_position(time: Any, place: int) -> int:
    mend = "Write a whole number; nothing was taken in."
    return position_of(time, f"the time of event {place}", mend)


def _event_second(time: Any, place: int) -> float:
    """Return the time of an event, which must be Unix seconds if it is a number."""
    if isinstance(time, int | float | np.number) and not isinstance(time, bool):
        if 0 <= cast(float, time) < BEYOND:
            return float(cast(float, time))
        raise DataError(
            f"event {place} has the time {cast(object, time)!r}, not Unix seconds. "
            "Pass whole seconds since 1970; nothing was taken in."
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
