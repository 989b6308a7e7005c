"""The edges of a log of users and items: what they are called, built and grown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl
from jaxtyping import Float32, Int8, Int32, Int64

from tidegraph.data.context import NO_COLUMNS, conformed
from tidegraph.data.ids.identity import series
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.interactions import Interactions
from tidegraph.data.times.clocks import Clock
from tidegraph.graph.storage.append_only import Column, Table, numbers
from tidegraph.graph.storage.edge_store import EdgeStore, Step

ACTION = "action"
IMPRESSION = "impression"
USER, ITEM = "user", "item"
PART = "part of the log"
"""What the edges of a log without times are timed by: 0, or the number of its part."""


@dataclass(frozen=True, eq=False)
class Arrivals:
    """A few events whose users and items are looked up when a graph takes them in.

    Attributes:
        user: Raw id of the user of each event.
        item: Raw id of the item.
        time: Unix seconds or what ``clock`` says instead, never decreasing.
        label: 1 for an action, 0 for an impression without one.
        weight: Strength of each.
        clock: What the times are.
    """

    user: Sequence[int | str]
    item: Sequence[int | str]
    time: Int64[np.ndarray, " n"]
    label: Int8[np.ndarray, " n"]
    weight: Float32[np.ndarray, " n"]
    clock: Clock

    def numbered(self, users: Vocabulary, items: Vocabulary) -> Interactions:
        """Return the events by these ids, new ones last."""
        users, user = _rows_among(users, self.user, "user of the events")
        items, item = _rows_among(items, self.item, "item of the events")
        when = (self.time, self.label, self.weight)
        return Interactions(user, item, *when, users, items, clock=self.clock)


def _rows_among(
    held: Vocabulary, ids: Sequence[int | str], what: str
) -> tuple[Vocabulary, Int32[np.ndarray, " n"]]:
    rows = held.rows_of_plain(ids)
    if rows is not None:
        return held, np.array(rows, np.int32)
    return held.with_rows(series(list(ids), what))


def edges_of_log(log: Interactions) -> dict[str, EdgeStore]:
    """Return the edges of a log by type; see ``Snapshot.of``."""
    edges = {ACTION: _build_log_edges(log.actions())}
    if not bool(log.label.all()):
        edges[IMPRESSION] = _build_log_edges(log.take(log.label == 0))
    return edges


def last_event_time(edges: Mapping[str, EdgeStore]) -> int:
    """Return the Unix seconds of a log's last event; the smallest integer if none."""
    latest = [edges[name].latest for name in (ACTION, IMPRESSION) if name in edges]
    return max(latest, default=int(np.iinfo(np.int64).min))


def context_columns(edges: Mapping[str, EdgeStore]) -> pl.DataFrame:
    """Return the context columns that the edges of a graph carry, without a row."""
    held = [edges[name] for name in (ACTION, IMPRESSION) if name in edges]
    columns = NO_COLUMNS
    for one in reversed(held):
        own = one.table.columns
        if one.weight is not None:
            # Not drop(), which begins a query.
            own = pl.DataFrame([c for c in own.iter_columns() if c.name != one.weight])
        if not own.width:
            columns = own
            continue
        # Nulls alone say nothing of their type.
        typed = [c for c in columns.iter_columns() if own.schema.get(c.name) == pl.Null]
        # Even of no column polars makes a query.
        columns = own.with_columns(typed) if typed else own
    return columns


def steps_to_append(
    events: Interactions, held: Mapping[str, EdgeStore]
) -> dict[str, Step]:
    """Return for each type of edge what appends the events of a log.

    Edges keep the context that they have: what an event lacks is null, and what only
    later events carry is passed over. Where there are no edges yet, the events bring
    theirs.

    Args:
        events: New events, whose vocabularies start with the graph's own rows.
        held: The edges there are.

    Raises:
        DataError: A column of the context cannot be of the type that it has.
    """
    known = context_columns(held)
    there = any(name in held for name in (ACTION, IMPRESSION))
    if there and (known.width or events.context.width):
        context = conformed(events.context, known, len(events))
        events = replace(events, context=context)
    logs = {ACTION: events}
    if not bool(events.label.all()):
        logs = {ACTION: events.actions(), IMPRESSION: events.take(events.label == 0)}
    return {
        name: partial(_append_log_edges, log=log)
        for name, log in logs.items()
        if len(log)
    }


def rows_by_type(log: Interactions | Arrivals) -> dict[str, Int64[np.ndarray, " n"]]:
    """Return which events of a log become edges of each type."""
    shown = log.label == 0
    return {ACTION: np.flatnonzero(~shown), IMPRESSION: np.flatnonzero(shown)}


def _append_log_edges(held: EdgeStore | None, log: Interactions) -> EdgeStore:
    if held is None:
        return _build_log_edges(log)
    if held.weight is None and bool((log.weight != 1).any()):
        held = _with_weight(held)
    return held.appended(
        (log.user, log.item),
        (len(log.users), len(log.items)),
        log.time,
        _edge_features(log, held.weight),
    )


def _build_log_edges(log: Interactions) -> EdgeStore:
    weight = "weight" if bool((log.weight != 1).any()) else None
    return EdgeStore.build(
        (USER, ITEM),
        (log.user, log.item),
        (len(log.users), len(log.items)),
        log.time,
        time="time" if log.clock != "none" else PART,
        weight=weight,
        features=_edge_features(log, weight),
    )


def _edge_features(log: Interactions, weight: str | None) -> pl.DataFrame:
    if weight is None:
        return log.context
    return pl.DataFrame([pl.Series(weight, log.weight), *log.context.iter_columns()])


def _with_weight(edges: EdgeStore) -> EdgeStore:
    """Return the same edges with a weight of 1 each, which others may differ from."""
    # A view of the past has the features of all edges.
    edges = edges.compacted()
    ones = pl.DataFrame(
        [
            pl.Series("weight", np.ones(len(edges), np.float32)),
            *edges.features.iter_columns(),
        ]
    )
    return replace(
        edges,
        weight="weight",
        table=Table(ones),
        strength=Column(numbers(ones, "weight")),
    )
