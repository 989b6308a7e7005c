"""What a query selects, as a table in batches.

Arrow is asked for where the driver has it. Elsewhere values come as Python objects, and
a column is typed by all of them; columns that nobody asked for are not looked at.
"""

import importlib.util
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from operator import itemgetter
from typing import Any, cast

import polars as pl

from tidegraph.arguments.conversion import shown
from tidegraph.data.tables.arrow import arrow_batches
from tidegraph.data.tables.refused import as_data_error, iterate_and_close
from tidegraph.data.tables.table import BATCH_ROWS, Batches, Table
from tidegraph.data.tables.values import series_of
from tidegraph.errors import DataError, type_of

_WHERE = "the query"
_ROWS_TYPED_TOGETHER = "adbc.sqlite.query.batch_rows"


@contextmanager
def open_query(query: str, connection: Any) -> Generator[Table, None, None]:
    """Open what a query selects as a table; its cursor is closed afterwards.

    Raises:
        DataError: The connection is none, the query is no text or selects nothing, or
            the database refuses it.
    """
    if not isinstance(cast(object, query), str):
        raise DataError(f"the query is {shown(query)}; it must be text.")
    if hasattr(connection, "sql") and _has_arrow():
        with as_data_error(_WHERE):
            relation = connection.sql(query)  # DuckDB.
        yield _table_of_cursor(relation)
        return
    with as_data_error(_WHERE):
        cursor = _cursor_of(connection)
    try:
        with as_data_error(_WHERE):
            if hasattr(cursor, "adbc_statement"):
                _type_by_all_rows(connection, cursor)
            cursor.execute(query)
        yield _table_of_cursor(cursor)
    finally:
        if cursor is not connection:
            # Of a connection that broke it fails, which is said already.
            with suppress(Exception):
                cursor.close()


def _table_of_cursor(cursor: Any) -> Table:
    if cursor is None or cursor.description is None:
        raise DataError("the query selects nothing. Write a SELECT.")
    names = tuple(str(column[0]) for column in cursor.description)
    stream = _arrow_stream(cursor)

    def batches(columns: Sequence[str]) -> Batches:
        _refuse_duplicate_columns(names, columns)
        found = _python_batches(cursor, names, columns)
        if stream is not None:
            found = arrow_batches(stream, names, columns, _WHERE)
        empty = True
        with closing(found):
            for batch in found:
                empty = False
                yield batch
        if empty:
            raise DataError("the query returns no row. Check its conditions.")

    return Table(_WHERE, names, False, batches)


def _cursor_of(connection: Any) -> Any:
    """Return what executes queries and gives rows, of whatever was passed."""
    for wrapped in ("raw_connection", "connection"):
        # SQLAlchemy wraps the connection of a driver.
        if hasattr(connection, wrapped) and not hasattr(connection, "cursor"):
            inner = getattr(connection, wrapped)
            connection = inner() if wrapped == "raw_connection" else inner
    if hasattr(connection, "execute") and hasattr(connection, "fetchmany"):
        return connection
    if not hasattr(connection, "cursor"):
        raise DataError(
            f"{type_of(connection)} is not a database connection. Pass an open "
            "DB-API or ADBC connection, such as sqlite3.connect(...)."
        )
    return connection.cursor()


def _type_by_all_rows(connection: Any, cursor: Any) -> None:
    """Keep ADBC's SQLite driver from typing a column by its first rows."""
    info = getattr(connection, "adbc_get_info", None)
    if info is not None and info().get("vendor_name") == "SQLite":
        cursor.adbc_statement.set_options(**{_ROWS_TYPED_TOGETHER: str(10**9)})


def _arrow_stream(cursor: Any) -> Callable[[], Any] | None:
    if not _has_arrow():
        return None
    if hasattr(cursor, "adbc_statement"):
        return cursor.fetch_record_batch
    for name in ("to_arrow_reader", "fetch_record_batch"):
        if hasattr(cursor, name):
            return lambda: getattr(cursor, name)(BATCH_ROWS)
    return None


def _has_arrow() -> bool:
    return importlib.util.find_spec("pyarrow") is not None


def _python_batches(
    cursor: Any, names: Sequence[str], columns: Sequence[str]
) -> Batches:
    places = {column: names.index(column) for column in columns}

    def blocks() -> Iterator[Sequence[Any]]:
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield rows

    for rows in iterate_and_close(blocks, _WHERE):
        yield pl.DataFrame(
            [
                series_of(column, _column_of_rows(rows, column, place))
                for column, place in places.items()
            ]
        )


def _column_of_rows(rows: Sequence[Any], column: str, place: int) -> list[Any]:
    """Return a column of rows that are tuples, or mappings by the name of a column."""
    first: object = rows[0]
    key = column if isinstance(first, Mapping) else place
    with suppress(LookupError, TypeError):
        if not isinstance(first, str | bytes):
            return list(map(itemgetter(key), rows))
    raise DataError(
        f"{_WHERE} gives rows of type {type(rows[0]).__name__}, which have no column "
        f"{column!r}. Take the row factory of the connection away."
    )


def _refuse_duplicate_columns(names: Sequence[str], columns: Sequence[str]) -> None:
    for column in columns:
        if names.count(column) > 1:
            raise DataError(
                f"the query selects two columns {column!r}. Name one of them with AS."
            )
