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
from tidegraph.data.clocks import Clock
from tidegraph.data.columns import typed
from tidegraph.data.features import featured
from tidegraph.data.id_column import Coded, IdColumn
from tidegraph.data.ids import Missing
from tidegraph.data.interactions import Interactions, from_codes, untimed
from tidegraph.data.missing import KeptRows
from tidegraph.data.sql import sql_table
from tidegraph.data.table import Table
from tidegraph.data.tables import open_table
from tidegraph.data.times import LogUnit, Ticks, TimeColumn, TimeSpelling
from tidegraph.errors import DataError

Reference = str | int
"""A column by its name, or by its place from 1 in a file without a header."""
RESERVED = ("user", "item", "time", "label", "weight")
"""Names that a log gives its own columns, so that context cannot bear them."""
_TRUTH = {"1": 1, "0": 0, "1.0": 1, "0.0": 0, "true": 1, "false": 0}


@dataclass(frozen=True)
class _Columns:
    """Which column of a table means what."""

    user: str
    item: str
    time: str | None
    label: str | None
    weight: str | None
    split: str | None
    context: tuple[str, ...]

    @classmethod
    def of(
        cls,
        user: Reference,
        item: Reference,
        time: Reference | None,
        label: Reference | None,
        weight: Reference | None,
        split: Reference | None,
        context: Sequence[Reference],
    ) -> "_Columns":
        """Return the columns by name; a place is the name of a column without one."""
        if isinstance(context, str | int):
            context = (context,)
        label, weight, split, time = (
            None if column is None else str(column)
            for column in (label, weight, split, time)
        )
        carried = tuple(str(column) for column in context)
        return cls(str(user), str(item), time, label, weight, split, carried)

    @property
    def needed(self) -> list[str]:
        """Every column to read, each once."""
        columns = (self.user, self.item, self.time, self.label, self.weight, self.split)
        named = [column for column in columns if column is not None]
        return list(dict.fromkeys([*named, *self.context]))


def read(
    source: object,
    *,
    user: Reference = "user",
    item: Reference = "item",
    time: Reference | None = "time",
    label: Reference | None = None,
    weight: Reference | None = None,
    split: Reference | None = None,
    context: Sequence[Reference] = (),
    users: object = None,
    items: object = None,
    time_unit: LogUnit | None = None,
    time_format: str | None = None,
    sep: str | None = None,
    header: bool | None = None,
    names: Sequence[str] | None = None,
    encoding: str | None = None,
    missing: Missing = "refuse",
) -> Interactions:
    """Read a log of interactions from a file or a frame.

    In text, ids that are all whole numbers become numbers, unless one has a leading
    zero or a plus sign; other ids stay text. Duplicate rows are kept; ``check`` counts
    them.

    Args:
        source: Path of a CSV, Parquet or JSON file, told by its content (text may be
            compressed), a polars or pandas frame, an Arrow table, or a mapping of
            columns.
        user: Column of user ids, of any type. A column is named, or given by its place
            from 1 in a file without a header.
        item: Column of item ids, of any type.
        time: Column of times: numbers since 1970, dates, datetimes, or text; no zone
            means UTC. A fraction of a second orders the events, then is dropped. None
            where the data have no times.
        label: Column that says 1 for an action and 0 for an impression without one;
            every row is an action if left out.
        weight: Column of strengths; all 1 if left out.
        split: Column that names the part of each event, such as train and test; see
            ``Interactions.split``.
        context: Further columns to carry along.
        users: Path or frame with one row of features per user. Its ids are in the
            column named like ``user``, else in its first column.
        items: The same for items.
        time_unit: Unit of numeric times; found by their size if left out, see
            ``tidegraph.data.times``. ``"order"`` where they are positions, which order
            the events and no more; the rows' own places if ``time`` is None too.
        time_format: How times in text are written, as a pattern of ``strptime`` such
            as ``%d.%m.%Y %H:%M``; found if left out.
        sep: What stands between the fields of a text file; found if left out.
        header: Whether the first row of a text file names the columns; found if left
            out.
        names: Names of all the columns, in place of those of the file.
        encoding: Encoding of a text file; found if left out.
        missing: What becomes of rows without an id, or with a marker such as ``NULL``:
            ``"refuse"`` them in an error, ``"drop"`` them, or ``"keep"`` markers as
            ids.

    Raises:
        DataError: The source cannot be read, or a column or value is not what it
            should be; the message names the row.
        MissingExtraError: A pandas frame is given and pyarrow is not installed.
    """
    columns = _Columns.of(user, item, time, label, weight, split, context)
    spelt = TimeSpelling(time_unit, time_format)
    with open_table(source) as table:
        log = _build(table, columns, spelt, missing)
    return _with_features(log, columns, users, items, missing)


def read_sql(
    query: str,
    connection: Any,
    *,
    user: Reference = "user",
    item: Reference = "item",
    time: Reference | None = "time",
    label: Reference | None = None,
    weight: Reference | None = None,
    split: Reference | None = None,
    context: Sequence[Reference] = (),
    users: object = None,
    items: object = None,
    time_unit: LogUnit | None = None,
    time_format: str | None = None,
    missing: Missing = "refuse",
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
        split: See ``read``.
        context: See ``read``.
        users: See ``read``.
        items: See ``read``.
        time_unit: See ``read``.
        time_format: See ``read``.
        missing: See ``read``.

    Raises:
        DataError: A column or value is not what it should be.
    """
    columns = _Columns.of(user, item, time, label, weight, split, context)
    spelt = TimeSpelling(time_unit, time_format)
    log = _build(sql_table(query, connection), columns, spelt, missing)
    return _with_features(log, columns, users, items, missing)


def _build(
    table: Table, columns: _Columns, spelt: TimeSpelling, missing: Missing
) -> Interactions:
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
    kept = KeptRows((columns.user, columns.item), missing)
    who = IdColumn(columns.user, table.name, missing)
    what = IdColumn(columns.item, table.name, missing)
    when = None
    if columns.time is not None:
        when = TimeColumn(columns.time, table.name, spelt.unit, spelt.pattern)
    labels: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    carried: list[pl.DataFrame] = []
    rows = seen = 0
    for raw in table.batches(columns.needed):
        batch, first = kept.filled(raw, seen + 1)
        who.add(batch[columns.user], first)
        what.add(batch[columns.item], first)
        if when is not None and columns.time is not None:
            when.add(batch[columns.time], first)
        if columns.label is not None:
            labels.append(_labels(batch[columns.label], table.name, first))
        if columns.weight is not None:
            weights.append(_weights(batch[columns.weight], table.name, first))
        carried.append(_carried(batch, columns))
        seen, rows = seen + len(raw), rows + len(batch)
    if not rows:
        what_is = "no row with ids" if seen else "column names and no row"
        raise DataError(f"{table.name} has {what_is}. Add events.")
    clock: Clock = "order" if spelt.unit == "order" else "seconds"
    if when is None:
        time, clock = untimed(rows, clock)
        ticks = Ticks(time, 1)
    else:
        ticks = when.finish()
    context = pl.concat(carried, how="vertical_relaxed")
    user, item = who.finish(), what.finish()
    label = np.concatenate(labels) if labels else np.ones(rows, np.int8)
    weight = np.concatenate(weights) if weights else np.ones(rows, np.float32)
    context = context.filter(kept.mask) if kept.dropped and context.width else context
    return from_codes(
        Coded(user.ids, kept.of(user.code)),
        Coded(item.ids, kept.of(item.code)),
        kept.of(ticks.when),
        label=kept.of(label),
        weight=kept.of(weight),
        context=typed(context) if table.is_text else context,
        per_second=ticks.per_second,
        dropped=kept.dropped,
        clock=clock,
    )


def _carried(batch: pl.DataFrame, columns: _Columns) -> pl.DataFrame:
    """Return what goes with the events; the part of each is called ``split``."""
    carried = batch.select(columns.context)
    if columns.split is None:
        return carried
    return carried.with_columns(batch[columns.split].cast(pl.String).alias("split"))


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
    log: Interactions,
    columns: _Columns,
    users: object,
    items: object,
    missing: Missing,
) -> Interactions:
    if users is not None:
        log = replace(log, users=featured(log.users, users, columns.user, missing))
    if items is not None:
        log = replace(log, items=featured(log.items, items, columns.item, missing))
    return log


def _listed(columns: Sequence[str]) -> str:
    """Return some names for a message; control characters could move the cursor."""
    shown = [name if name.isprintable() else repr(name) for name in columns[:20]]
    return ", ".join([*shown, "..."] if len(columns) > 20 else shown) or "none"
