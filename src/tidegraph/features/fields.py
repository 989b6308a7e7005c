"""Fields as columns of the shared inputs, for every ranker: one without vectors, too.

What is known of a user, an item or the latest event of a history: a number is a column,
a category of few values one for each, and of any category how often it was chosen.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import numpy as np
import polars as pl
from jaxtyping import Float32, Float64, Int64

from tidegraph.data.ids.lookup import UNKNOWN, Lookup, gathered
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.feature_column import (
    as_text,
    feature_of_nodes,
    floats_with_nan,
    has_fractions,
    null_if_not_finite,
)
from tidegraph.errors import ConfigError
from tidegraph.features.context import (
    EVENT,
    check_field,
    context_column,
    values_of_several,
)
from tidegraph.features.feature import read_in_blocks
from tidegraph.features.past import Past
from tidegraph.features.reading import PastView
from tidegraph.features.tables import count_known_before
from tidegraph.features.values import check_category
from tidegraph.graph.from_log import ACTION, ITEM, USER
from tidegraph.small_arrays import places_among
from tidegraph.stages import Requests

FEW = 16
"""A category of so many values at most has a column for each."""
LATEST = 50
"""So many of the latest events of a history, or of an item, say what is chosen."""
GROUPS_OF_KIND = {ITEM: (ITEM, "category"), USER: (USER, "category"), EVENT: (USER,)}
"""The groups of inputs that the columns of a field belong to: what is known of an item,
of who asks, and of what they have in common."""


class Numbers(NamedTuple):
    """What training knew of a field of numbers.

    Attributes:
        mean: Mean of its values.
        deviation: Their deviation, 1 where they are one.
        least: The smallest; what is smaller is taken for it.
        greatest: The largest; what is larger is taken for it.
    """

    mean: float
    deviation: float
    least: float
    greatest: float


class FieldColumns(NamedTuple):
    """The columns of a field, as training knew its values.

    Attributes:
        field: Such as ``item.color``.
        numbers: Of a number, what is usual; none of a category.
        values: The values that have a column each, as text.
        shared: Is there a column of how often its values are chosen?
    """

    field: str
    numbers: Numbers | None
    values: tuple[str, ...]
    shared: bool

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are called."""
        number = (self.field, f"{self.field} unknown") if self.numbers else ()
        share = (f"{self.field} share",) if self.shared else ()
        return (*number, *(f"{self.field} {value}" for value in self.values), *share)

    def read(self, past: Past) -> Float32[np.ndarray, "n c"]:
        """Return the columns for each candidate, strictly before the time it is asked.

        Args:
            past: The candidates, and the latest events before each request.
        """
        said = _of_candidates(past, self.field)
        columns: list[np.ndarray | pl.Series] = []
        if self.numbers is not None:
            mean, deviation, least, greatest = self.numbers
            number = floats_with_nan(_as_numbers(said))
            unknown = ~np.isfinite(number)
            number = np.where(unknown, mean, np.clip(number, least, greatest))
            columns += [(number - mean) / deviation, unknown]
        if self.values:
            text = as_text(said)
            columns += [(text == value).fill_null(value=False) for value in self.values]
        if self.shared:
            columns.append(_share(past, self.field, said))
        return np.stack([np.asarray(one, np.float32) for one in columns], axis=1)


def fields_of(
    requests: Requests, fields: Iterable[str], groups: Iterable[object]
) -> tuple[FieldColumns, ...]:
    """Return the columns of fields, of what was known before the last of some requests.

    Args:
        requests: Requests to learn from.
        fields: Names of fields, such as ``item.color``, ``user.age``, ``event.device``.
        groups: Groups of inputs that are on; the others have no columns.

    Raises:
        DataError: There is no such field, or it has lists.
    """
    on = {group for group in groups if isinstance(group, str)}
    found = (_columns_of(requests, name, on) for name in fields)
    return tuple(one for one in found if one.names)


def read_fields(
    fields: tuple[FieldColumns, ...], view: PastView
) -> Float32[np.ndarray, "b k n"]:
    """Return the columns of fields for each candidate; 0 where there is none.

    Args:
        fields: The fields.
        view: What is read, strictly before the clock of each request.
    """
    own, width = view.history, sum(len(one.names) for one in fields)
    start = np.maximum(own.start, own.stop - LATEST)
    view = view._replace(history=own._replace(start=start))
    return read_in_blocks(
        view,
        width,
        lambda past: np.concatenate([one.read(past) for one in fields], axis=1),
        # A share of users reads so many events of each candidate.
        LATEST,
    )


def fields_of_table(table: list[dict[str, Any]]) -> tuple[FieldColumns, ...]:
    """Rebuild fields from what ``table_of_fields`` returned."""
    return tuple(
        FieldColumns(
            cast(str, row["field"]),
            Numbers(*row["numbers"]) if row["numbers"] else None,
            tuple(row["values"]),
            cast(bool, row["shared"]),
        )
        for row in table
    )


def table_of_fields(fields: tuple[FieldColumns, ...]) -> list[dict[str, Any]]:
    """Return fields as a file holds them."""
    return [
        {
            "field": one.field,
            "numbers": list(one.numbers or ()),
            "values": list(one.values),
            "shared": one.shared,
        }
        for one in fields
    ]


def check_columns(
    log: Interactions, category: str | None, fields: tuple[str, ...] = ()
) -> None:
    """Refuse a feature that a log lacks, before anything is learnt.

    Args:
        log: The log, with what is known of users, items and events.
        category: Item feature column that groups items, if any.
        fields: Further features, such as ``user.age``.

    Raises:
        DataError: There is no such column, or it can be no field.
    """
    if category is not None:
        check_category(log.items, category)
    for name in fields:
        kind, _, column = name.partition(".")
        if kind == EVENT:
            check_field(log.context, column)
        else:
            feature_of_nodes(log.items if kind == ITEM else log.users, column, kind)


def check_fields_are_read(
    method: str, fields: Iterable[str], groups: Iterable[object]
) -> None:
    """Refuse a field of which a ranker without vectors would read nothing.

    Args:
        method: The ranker, which reads columns alone.
        fields: Its fields.
        groups: Groups of inputs that are on.

    Raises:
        ConfigError: There is such a field.
    """
    groups = tuple(groups)
    for name in fields:
        for group in GROUPS_OF_KIND[name.partition(".")[0]]:
            if group not in groups:
                raise ConfigError(
                    f"{method} reads the field {name!r} in the group of inputs "
                    f"{group!r}, which is off. Add it to groups, or leave the field "
                    "out."
                )


def _columns_of(requests: Requests, name: str, on: set[str]) -> FieldColumns:
    kind, _, column = name.partition(".")
    values = _known_values(requests, kind, column)
    fractions = has_fractions(values)
    kinds = values.drop_nulls().n_unique()
    dense = values.dtype.is_numeric() or values.dtype.is_temporal()
    number = fractions or (dense and kinds > FEW)
    of_node, *in_common = GROUPS_OF_KIND[kind]
    return FieldColumns(
        name,
        _usual(_as_numbers(values)) if number and of_node in on else None,
        () if number or kinds > FEW or of_node not in on else _kinds(values),
        not fractions and kinds > 1 and {*(in_common or [of_node])} <= on,
    )


def _kinds(values: pl.Series) -> tuple[str, ...]:
    """Return the values of a category as text, in one order whatever that of rows.

    What is said of one alone tells who it is, and nothing of others.
    """
    return tuple(values_of_several(as_text(values)).to_list())


def _known_values(requests: Requests, kind: str, column: str) -> pl.Series:
    """Return the values of a field that were known before the last request."""
    graph = requests.graph
    if kind != EVENT:
        known = count_known_before(graph, kind, requests.latest)
        values = feature_of_nodes(graph.typed(kind).vocabulary, column, kind)
        return null_if_not_finite(values[:known])
    edges = graph[ACTION].before(requests.latest)
    number = np.sort(edges.edge[edges.slots()]).astype(np.int64)
    return null_if_not_finite(context_column(graph, column).gather(number))


def _usual(values: pl.Series) -> Numbers:
    number = floats_with_nan(values)
    number = number[np.isfinite(number)]
    if not len(number):
        return Numbers(0.0, 1.0, 0.0, 0.0)
    deviation = float(number.std()) or 1.0
    return Numbers(
        float(number.mean()), deviation, float(number.min()), float(number.max())
    )


def _of_candidates(past: Past, field: str) -> pl.Series:
    """Return what a field says of each candidate, of who asks or what they did last."""
    if not field.startswith(f"{EVENT}."):
        return null_if_not_finite(past.candidates(field)[field])
    history = past.history(field)
    owner, request = history["request"].to_numpy(), _request_of_candidates(past)
    latest = np.searchsorted(owner, request, "right") - 1
    own = latest >= 0
    own[own] = owner[latest[own]] == request[own]
    return null_if_not_finite(gathered(history[field], np.where(own, latest, UNKNOWN)))


def _share(past: Past, field: str, said: pl.Series) -> Float64[np.ndarray, " n"]:
    """Return how often, of some events before, a field was what it is of a candidate.

    Of an item, among the latest events of who asks; of a user, among the latest events
    of others with the candidate; of the latest event, among those of who asks.
    """
    if not field.startswith(f"{USER}."):
        table, of = past.history(field), _request_of_candidates(past)
        owner = table["request"].to_numpy()
    else:
        table, of = past.item_events(LATEST, field), np.arange(len(past))
        owner = table["candidate"].to_numpy()
        by_others = (
            table["user"].to_numpy() != past.candidates()["user"].to_numpy()[owner]
        )
        table, owner = table.filter(by_others), owner[by_others]
    event = null_if_not_finite(table[field])
    kinds = event.drop_nulls().unique(maintain_order=True)
    if not len(kinds):
        return np.zeros(len(past))
    lookup, width = Lookup(kinds), len(kinds)
    code, wanted = (lookup.rows(one).astype(np.int64) for one in (event, said))
    seen, count = np.unique((owner * width + code)[code >= 0], return_counts=True)
    place = places_among(seen, of * width + wanted)
    known = (wanted >= 0) & (place >= 0)
    size = np.bincount(owner, minlength=int(of.max()) + 1)[of]
    return np.where(known, count[place], 0) / np.maximum(size, 1)


def _request_of_candidates(past: Past) -> Int64[np.ndarray, " n"]:
    return past.candidates()["request"].to_numpy()


def _as_numbers(values: pl.Series) -> pl.Series:
    return values.to_physical() if values.dtype.is_temporal() else values
