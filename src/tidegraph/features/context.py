"""Rows of a network's tables for what a log says of its events, such as a device."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64, Int64

from tidegraph.artifact.sealed import State
from tidegraph.data.context import carried_column
from tidegraph.data.ids.lookup import Lookup
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.views.feature_column import (
    as_text,
    has_fractions,
    null_if_not_finite,
)
from tidegraph.errors import DataError
from tidegraph.features.values import quantile_edges, quantile_of
from tidegraph.graph.from_log import ACTION
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.kernels.ragged import latest_places, values_at
from tidegraph.stages import Requests
from tidegraph.stages.evidence import EvidentRows

EVENT = "event"
LEAST = 2
"""Of how many events a value is at least that has a row of its own."""

Kinds = Vocabulary | Float64[np.ndarray, " edges"]
"""The values of a field as text, or where its ranges end."""


@dataclass(frozen=True, eq=False)
class EventFields:
    """Columns of the context as rows of tables, whose row 0 stands for the unknown.

    A number with a fraction is cut into ranges, of as many events each; every other
    value that several events have is a kind of its own. Both are learnt from events
    before training ended, and are read from each event as it is: one that came later
    has the kind that it says.

    Attributes:
        columns: Columns of the log's context.
        kinds: What is known of the values of each.
    """

    columns: tuple[str, ...] = ()
    kinds: tuple[Kinds, ...] = ()

    @classmethod
    def of(cls, requests: Requests, columns: tuple[str, ...]) -> "EventFields":
        """Learn the values of columns from actions before the last of some requests.

        Raises:
            DataError: The log has no such column, or each value of it is a list.
        """
        if not columns:
            return cls()
        graph = requests.graph
        edges = graph[ACTION].before(requests.latest)
        known = np.sort(edges.edge[edges.slots()]).astype(np.int64)
        kinds = (
            _known_values(context_column(graph, name).gather(known)) for name in columns
        )
        return cls(columns, tuple(kinds))

    @property
    def counts(self) -> tuple[int, ...]:
        """How many known values each field has."""
        return tuple(
            len(one) if isinstance(one, Vocabulary) else 1 + len(one)
            for one in self.kinds
        )

    def rows(
        self, graph: Snapshot, edge: Int64[np.ndarray, "*shape"]
    ) -> Int64[np.ndarray, "*shape f"]:
        """Return the table rows of the context of actions, by edge number; 0 for -1."""
        out = np.zeros((*edge.shape, len(self.columns)), np.int64)
        there: Bool[np.ndarray, "*shape"] = edge >= 0
        number, place = np.unique(edge[there], return_inverse=True)
        for n, (name, kinds) in enumerate(zip(self.columns, self.kinds, strict=True)):
            values = context_column(graph, name).gather(number)
            if isinstance(kinds, Vocabulary):
                row = cast(Lookup, kinds.lookup).rows(as_text(values)).astype(np.int64)
                out[there, n] = row[place] + 1
            else:
                out[there, n] = quantile_of(values, kinds)[place]
        return out

    def of_history(
        self, requests: Requests, rows: Int64[np.ndarray, " b"], count: int
    ) -> Int64[np.ndarray, "b h f"]:
        """Return the rows of the latest events of some requests, the latest first.

        Of a history that is given in place of a user nothing is said.

        Args:
            requests: Users and clocks.
            rows: Which of them.
            count: How many events of each.
        """
        if not self.columns:
            return np.zeros((len(rows), count, 0), np.int64)
        edges: TemporalCSR = requests.graph[ACTION]
        start, stop = edges.span_before(requests.user[rows], requests.time[rows])
        number = edges.edge
        if requests.positive is not requests:
            slot, start, stop = EvidentRows.of_histories(edges, start, stop)
            number = number[slot]
        edge = values_at(number, latest_places(start, stop, count), -1)
        return self.rows(requests.graph, edge.astype(np.int64, copy=False))

    def state(self) -> State:
        """Return what a file needs to hold."""
        arrays, parts = dict[str, np.ndarray](), dict[str, State]()
        for name, kinds in zip(self.columns, self.kinds, strict=True):
            if isinstance(kinds, Vocabulary):
                parts[name] = kinds.state()
            else:
                arrays[name] = kinds
        settings = {"columns": list(self.columns)}
        return State(kind="EventFields", settings=settings, arrays=arrays, parts=parts)

    @classmethod
    def from_state(cls, state: State) -> "EventFields":
        """Rebuild from what ``state`` returned."""
        columns = tuple(cast(list[str], state.settings["columns"]))
        kinds: list[Kinds] = [
            state.arrays[name] if name in state.arrays else state.part(name, Vocabulary)
            for name in columns
        ]
        return cls(columns, tuple(kinds))


def check_field(context: pl.DataFrame, column: str) -> None:
    """Refuse a column that is no field of events.

    Raises:
        DataError: There is none, or each value of it is a list or a table.
    """
    kind = carried_column(context, column, "for a field of events").dtype
    if kind.is_nested():
        raise DataError(
            f"the column {column!r} of the log's context is of {kind},"
            " and a field has one value. Choose one of each, or leave it out."
        )


def context_column(graph: Snapshot, name: str) -> pl.Series:
    """Return what the log says of each action, by its number.

    Raises:
        DataError: It has no such column, or each value of it is a list.
    """
    edges = graph.edge(ACTION)
    check_field(edges.table.columns, name)
    return edges.features[name]


def _known_values(values: pl.Series) -> Kinds:
    if has_fractions(values):
        return quantile_edges(values)
    several = values_of_several(as_text(null_if_not_finite(values)))
    return Vocabulary.of_different(several)


def values_of_several(values: pl.Series) -> pl.Series:
    """Return the values that ``LEAST`` rows have or more, in rising order."""
    # A column may be called as the counts are.
    counts = values.drop_nulls().rename("value").value_counts(name="count")
    # By value: the order in which a table of counts is made is no order.
    return counts.filter(pl.col("count") >= LEAST)["value"].sort()
