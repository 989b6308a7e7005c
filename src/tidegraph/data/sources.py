"""Logs from files, frames and databases.

Messages count rows from 1, without the header. Everything is read in batches, so what
is held at once is the finished columns and a little more.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tidegraph.arguments import checked
from tidegraph.data.features import with_feature_table
from tidegraph.data.ids.identity import Missing
from tidegraph.data.interactions import Interactions
from tidegraph.data.reading import (
    Columns,
    FeatureColumns,
    LogFormat,
    Reading,
    Reference,
)
from tidegraph.data.tables.build import build
from tidegraph.data.tables.opening import from_table
from tidegraph.data.tables.sql import open_query
from tidegraph.data.times.ticks import LogUnit
from tidegraph.data.views.feature_column import with_categories
from tidegraph.errors import DataError


@checked(DataError)
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
    user_features: Sequence[Reference] = (),
    item_features: Sequence[Reference] = (),
    categorical: Sequence[str] = (),
    time_unit: LogUnit | None = None,
    time_format: str | None = None,
    sep: str | None = None,
    header: bool | None = None,
    names: Sequence[str] | None = None,
    encoding: str | None = None,
    missing: Missing = "refuse",
    at_least: float | None = None,
) -> Interactions:
    """Read a log of interactions from a file or a frame.

    In text, ids that are all whole numbers become numbers, unless one has a leading
    zero or a plus sign; other ids stay text. Duplicate rows are kept; ``check`` counts
    them.

    Args:
        source: Path of a CSV, Parquet or JSON file, told by its content (text may be
            compressed), of a folder of its parts, or a pattern such as
            ``events/*.parquet``; a polars or pandas frame, an Arrow table, or a mapping
            of columns.
        user: Column of user ids, of any type. A column is named, or given by its place
            from 1 in a file without a header.
        item: Column of item ids, of any type.
        time: Column of times: numbers since 1970, dates, datetimes, or text; no zone
            means UTC. A fraction of a second orders the events, then is dropped. None
            where the data have no times.
        label: Column that says 1 for an action and 0 for an impression without one;
            every row is an action if left out. If it is the column of items, its cells
            hold impressions with their labels, such as ``N1-0 N2-1``.
        weight: Column of strengths; all 1 if left out.
        split: Column that names the part of each event, such as train and test; see
            ``Interactions.split``.
        context: Further columns to carry along.
        users: Path or frame with one row of features per user. Its ids are in the
            column named like ``user``, else, with a warning, in its first column.
        items: The same for items.
        user_features: Columns of the log that say of each user one thing for all time,
            such as a country; empty cells say nothing.
        item_features: The same for items, such as a category.
        categorical: Columns of features and of context whose whole numbers are codes
            and no amounts, as fields are called, such as ``item.brand``: they become
            text.
        time_unit: Unit of numeric times; found by their size if left out, see
            ``tidegraph.data.times.ticks``. ``"order"`` where they are positions, which
            order the events and no more; the rows' own places if ``time`` is None too.
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
        at_least: Only rows of at least this weight are events, such as ratings from 4,
            and all of them weigh 1; every row is one if left out.

    Raises:
        DataError: The source cannot be read, or a column or value is not what it
            should be; the message names the row.
        MissingExtraError: A pandas frame is given and pyarrow is not installed.
    """
    reading = Reading(
        Columns(user, item, time, label, weight, split, tuple(context)),
        LogFormat(
            sep,
            header,
            None if names is None else tuple(names),
            encoding,
            time_format,
            time_unit,
            missing,
            at_least,
        ),
        FeatureColumns(tuple(user_features), tuple(item_features), tuple(categorical)),
    )
    return read_as(source, reading, users=users, items=items)


def read_as(
    source: object, reading: Reading, *, users: object = None, items: object = None
) -> Interactions:
    """Read a log of interactions in a way that is said by one value; see ``read``."""
    form, wanted = reading.format.text(), reading.needed
    log = from_table(source, lambda table: build(table, reading), form, wanted)
    return _with_features(log, reading, users, items)


@checked(DataError)
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
    user_features: Sequence[Reference] = (),
    item_features: Sequence[Reference] = (),
    categorical: Sequence[str] = (),
    time_unit: LogUnit | None = None,
    time_format: str | None = None,
    missing: Missing = "refuse",
    at_least: float | None = None,
) -> Interactions:
    """Read a log of interactions from a database.

    Events of one second keep the order in which the query returns them, so end the
    query with ``ORDER BY`` if that matters.

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
        user_features: See ``read``.
        item_features: See ``read``.
        categorical: See ``read``.
        time_unit: See ``read``.
        time_format: See ``read``.
        missing: See ``read``.
        at_least: See ``read``.

    Raises:
        DataError: The database refuses the query or fails on the way, or a column or
            value is not what it should be.
    """
    reading = Reading(
        Columns(user, item, time, label, weight, split, tuple(context)),
        LogFormat(
            time_format=time_format,
            time_unit=time_unit,
            missing=missing,
            at_least=at_least,
        ),
        FeatureColumns(tuple(user_features), tuple(item_features), tuple(categorical)),
    )
    with open_query(query, connection) as table:
        log = build(table, reading)
    return _with_features(log, reading, users, items)


def _with_features(
    log: Interactions, reading: Reading, users: object, items: object
) -> Interactions:
    columns, missing = reading.columns, reading.missing
    if users is not None:
        users = with_feature_table(log.users, users, str(columns.user), missing)
        log = replace(log, users=users)
    if items is not None:
        items = with_feature_table(log.items, items, str(columns.item), missing)
        log = replace(log, items=items)
    named = reading.features.categorical
    return with_categories(log, named) if named else log
