"""What a query selects, as a table in batches."""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from tidegraph.data.table import BATCH_ROWS, Table
from tidegraph.errors import DataError


def sql_table(query: str, connection: Any) -> Table:
    """Return what a query selects as a table.

    Raises:
        DataError: The connection is none, or the query returns no row.
    """
    try:
        stream = iter(
            pl.read_database(  # pyright: ignore[reportUnknownMemberType]
                query, connection, iter_batches=True, batch_size=BATCH_ROWS
            )
        )
    except TypeError as error:
        raise DataError(
            f"a {type(connection).__name__} is not a database connection: {error}."
        ) from error
    first = next(stream, None)
    if first is None:
        raise DataError("the query returns no row. Check its conditions.")

    def batches(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        yield first.select(columns)
        for batch in stream:
            yield batch.select(columns)

    return Table("the query", tuple(first.columns), False, batches)
