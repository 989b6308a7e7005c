"""Logs from files, frames and databases.

Messages count rows from 1, without the header. Everything is read in batches, so what
is held at once is the finished columns and a little more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tidegraph.config import did_you_mean
from tidegraph.data.features import featured
from tidegraph.data.ids import IdColumn
from tidegraph.data.interactions import Interactions, from_codes
from tidegraph.data.sql import sql_table
from tidegraph.data.table import Table
from tidegraph.data.tables import open_table
from tidegraph.data.times import TimeColumn, TimeUnit
from tidegraph.errors import DataError

RESERVED = ("user", "item", "time", "label", "weight")
"""Names that a log gives its own columns, so that context cannot bear them."""
_TRUTH = {"1": 1, "0": 0, "1.0": 1, "0.0": 0, "true": 1, "false": 0}


@dataclass(frozen=True)
class _Columns:
    """Which column of a table means what."""

    user: str
    item: str
    time: str
    label: str | None
    weight: str | None
    context: tuple[str, ...]

    @property
    def needed(self) -> list[str]:
        """Every column to read, each once."""
        return list(dict.fromkeys([*self.typed, *self.context]))

    @property
    def typed(self) -> list[str]:
        """The columns whose type we choose, where it is not given."""
        columns = (self.user, self.item, self.time, self.label, self.weight)
        return [column for column in columns if column is not None]


def read(
    source: object,
    *,
    user: str,
    item: str,
    time: str,
    label: str | None = None,
    weight: str | None = None,
    context: Sequence[str] = (),
    users: object = None,
    items: object = None,
    time_unit: TimeUnit | None = None,
) -> Interactions:
    """Read a log of interactions from a file or a frame.

    In text, ids that are all whole numbers become numbers, unless one has a leading
    zero or a plus sign; other ids stay text. Duplicate rows are kept; ``check`` counts
    them.

    Args:
        source: Path of a CSV, Parquet or JSON lines file (text may be gzipped), a
            polars or pandas frame, an Arrow table, or a mapping of columns.
        user: Name of the column of user ids, of any type.
        item: Name of the column of item ids, of any type.
        time: Name of the column of times: numbers since 1970, dates, datetimes, or ISO
            8601 text; no zone means UTC. A fraction of a second orders the events,
            then is dropped.
        label: Name of the column that says 1 for an action and 0 for an impression
            without one; every row is an action if left out.
        weight: Name of the column of strengths; all 1 if left out.
        context: Names of further columns to carry along.
        users: Path or frame with one row of features per user. Its ids are in the
            column named like ``user``, else in its first column.
        items: The same for items.
        time_unit: Unit of numeric times; found by their size if left out, see
            ``tidegraph.data.times``.

    Raises:
        DataError: The source cannot be read, or a column or value is not what it
            should be; the message names the row.
        MissingExtraError: A pandas frame is given and pyarrow is not installed.
    """
    columns = _Columns(user, item, time, label, weight, tuple(context))
    with open_table(source) as table:
        log = _build(table, columns, time_unit)
    return _with_features(log, columns, users, items)


def read_sql(
    query: str,
    connection: Any,
    *,
    user: str,
    item: str,
    time: str,
    label: str | None = None,
    weight: str | None = None,
    context: Sequence[str] = (),
    users: object = None,
    items: object = None,
    time_unit: TimeUnit | None = None,
) -> Interactions:
    """Read a log of interactions from a database.

    Events of one second keep the order in which the query returns them, so end the
    query with ``ORDER BY`` if that matters. Errors of the database come as its driver
    raises them.

    Args:
        query: What selects the events.
        connection: An open DB-API or ADBC connection, such as SQLite's or DuckDB's.
        user: See ``read``.
        item: See ``read``.
        time: See ``read``.
        label: See ``read``.
        weight: See ``read``.
        context: See ``read``.
        users: See ``read``.
        items: See ``read``.
        time_unit: See ``read``.

    Raises:
        DataError: A column or value is not what it should be.
    """
    columns = _Columns(user, item, time, label, weight, tuple(context))
    log = _build(sql_table(query, connection), columns, time_unit)
    return _with_features(log, columns, users, items)


def _build(table: Table, columns: _Columns, unit: TimeUnit | None) -> Interactions:
    """Check and collect the columns of a table."""
    for column in columns.needed:
        if column not in table.columns:
            raise DataError(
                f"{table.name} has no column {column!r}."
                f"{did_you_mean(column, table.columns)} "
                f"It has: {_listed(table.columns)}."
            )
        if column in RESERVED and column in columns.context:
            raise DataError(
                f"{table.name}: a context column cannot be called {column!r}, because "
                "a log has a column of that name. Rename it."
            )
    who = IdColumn(columns.user, table.name)
    what = IdColumn(columns.item, table.name)
    when = TimeColumn(columns.time, table.name, unit)
    labels: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    carried: list[pl.DataFrame] = []
    rows = 0
    for batch in table.batches(columns.needed, set(columns.typed)):
        first = rows + 1
        who.add(batch[columns.user], first)
        what.add(batch[columns.item], first)
        when.add(batch[columns.time], first)
        if columns.label is not None:
            labels.append(_labels(batch[columns.label], table.name, first))
        if columns.weight is not None:
            weights.append(_weights(batch[columns.weight], table.name, first))
        carried.append(batch.select(columns.context))
        rows += len(batch)
    if not rows:
        raise DataError(f"{table.name} has column names and no row. Add events.")
    ticks = when.finish()
    user, item = who.finish(), what.finish()
    if table.is_text:
        user, item = user.with_integer_ids(), item.with_integer_ids()
    return from_codes(
        user,
        item,
        ticks.when,
        label=np.concatenate(labels) if labels else np.ones(rows, np.int8),
        weight=np.concatenate(weights) if weights else np.ones(rows, np.float32),
        context=pl.concat(carried, how="vertical_relaxed"),
        per_second=ticks.per_second,
    )


def _labels(values: pl.Series, where: str, first_row: int) -> np.ndarray:
    spelt = values.cast(pl.String).str.strip_chars().str.to_lowercase()
    labels = spelt.replace_strict(_TRUTH, default=None, return_dtype=pl.Int8)
    if labels.null_count():
        row = int(labels.is_null().arg_true()[0])
        raise DataError(
            f"{where}, row {first_row + row}: the label in column {values.name!r} is "
            f"{values[row]!r}, not 1 (action) or 0 (impression without action). "
            "Turn it into one of them, for example by rating >= 4."
        )
    return labels.to_numpy()


def _weights(values: pl.Series, where: str, first_row: int) -> np.ndarray:
    weights = values.cast(pl.Float32, strict=False)
    bad = ~weights.is_finite().fill_null(False)
    if bad.any():
        row = int(bad.arg_true()[0])
        raise DataError(
            f"{where}, row {first_row + row}: the weight in column {values.name!r} is "
            f"{values[row]!r}, not a finite number. Mend or drop the row."
        )
    return weights.to_numpy()


def _with_features(
    log: Interactions, columns: _Columns, users: object, items: object
) -> Interactions:
    if users is not None:
        log = replace(log, users=featured(log.users, users, columns.user))
    if items is not None:
        log = replace(log, items=featured(log.items, items, columns.item))
    return log


def _listed(columns: Sequence[str]) -> str:
    """Return some names for a message; control characters could move the cursor."""
    shown = [name if name.isprintable() else repr(name) for name in columns[:20]]
    return ", ".join([*shown, "..."] if len(columns) > 20 else shown) or "none"
