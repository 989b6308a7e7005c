"""The further columns that a log carries along, a row per event."""

import polars as pl

from tidegraph.data.tables.retyped import retyped
from tidegraph.errors import DataError, did_you_mean

NO_COLUMNS = pl.DataFrame()
"""What is carried along where nothing is: made once, as it takes microseconds."""
RESERVED = ("user", "item", "time", "label", "weight")
"""Names that a log gives its own columns, so that context cannot bear them."""


def check_context(context: pl.DataFrame, rows: int) -> None:
    """Refuse columns that do not fit the events.

    Raises:
        DataError: They have another number of rows, or a name of the log's own.
    """
    if context.width and context.height != rows:
        raise DataError(f"context has {context.height} rows for {rows} events.")
    for name in context.columns:
        if name in RESERVED:
            raise DataError(
                f"a context column cannot be called {name!r}, because a log has a "
                "column of that name. Rename it."
            )


def carried_column(context: pl.DataFrame, name: str, purpose: str) -> pl.Series:
    """Return a column that a log carries along.

    Args:
        context: All that it carries.
        name: Which column.
        purpose: What it is wanted for, for the message, such as ``to split by``.

    Raises:
        DataError: The log does not carry it.
    """
    if name not in context.columns:
        raise DataError(
            f"the log carries no column {name!r} {purpose}."
            f"{did_you_mean(name, context.columns)} It carries: "
            f"{', '.join(context.columns) or 'none'}. Reading carries along the "
            "columns that context= names, and split=."
        )
    return context[name]


def conformed(context: pl.DataFrame, earlier: pl.DataFrame, rows: int) -> pl.DataFrame:
    """Return the columns of later events as earlier ones carry them.

    A column that the later events lack is null there; one that only they have is passed
    over.

    Args:
        context: What the later events carry.
        earlier: What the earlier ones carry; its columns and their types are read.
        rows: How many later events there are.

    Raises:
        DataError: A value cannot be of its column's type, or would be cut to fit it.
    """
    columns: list[pl.Series] = []
    for name, kind in earlier.schema.items():
        if name not in context.columns:
            columns.append(pl.repeat(None, rows, dtype=kind, eager=True).alias(name))
            continue
        columns.append(retyped(context[name], earlier[name], "the new events"))
    return pl.DataFrame(columns)
