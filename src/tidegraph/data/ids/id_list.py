"""A file of ids, such as the users to recommend to."""

import os
import warnings
from collections.abc import Sequence

import polars as pl

from tidegraph.data.ids.absent import mask_absent
from tidegraph.data.ids.identity import canonical, series
from tidegraph.data.ids.unknown import outside
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.tables.opening import from_table
from tidegraph.data.tables.table import Table
from tidegraph.data.tables.values import stacked
from tidegraph.errors import DataError, UnknownIdWarning


def read_ids(
    path: str | os.PathLike[str], called: Sequence[str], known: Vocabulary
) -> pl.Series:
    """Return the ids that a file lists, canonical, in its order.

    It is read as a log is. Where it has no column of ids by name, its first line is an
    id if the model holds it, and else the name of its only column.

    Args:
        path: CSV, Parquet or JSON lines.
        called: What a column of ids may be called, such as in the log.
        known: The ids of the model.

    Raises:
        DataError: The file cannot be read, has several columns and none of this name,
            or lists no id.
    """
    return from_table(path, lambda table: _ids_in_table(table, called, known))


def _ids_in_table(table: Table, called: Sequence[str], known: Vocabulary) -> pl.Series:
    names = table.columns
    named = next((name for name in called if name in names), None)
    # Columns without names are called by their place.
    placed = table.is_text and names == tuple(map(str, range(1, len(names) + 1)))
    first = None
    if table.is_text and not placed and named is None and known.row(names[0]) >= 0:
        first = names[0]
    chosen = named or (names[0] if placed else _column_of_ids(table, first, called[0]))
    parts = [batch[chosen] for batch in table.batches([chosen])]
    whole = stacked(parts) if parts else pl.Series(dtype=pl.String)
    if first is not None:
        whole = stacked([pl.Series([first]), whole])
    whole = whole.filter(~mask_absent(whole, "keep"))
    if not len(whole):
        raise DataError(f"{table.name} lists no id. Write one in each line.")
    if table.is_text and not placed and first is None and named is None:
        _warn_first_line_is_name(table.name, chosen, called[0], known)
    return series(whole, f"{chosen!r} of {table.name}")


def _column_of_ids(table: Table, first: str | None, column: str) -> str:
    """Return the column to take where none has the name of the log's."""
    if len(table.columns) == 1 or first is not None:
        return table.columns[0]
    raise DataError(
        f"{table.name} has no column {column!r}, as the log has. It has: "
        f"{', '.join(table.columns[:20])}. Name the column of ids {column!r}."
    )


def _warn_first_line_is_name(
    where: str, name: str, column: str, known: Vocabulary
) -> None:
    """Warn that the first line, which might be an id, is taken for a name."""
    if known.ids.dtype == pl.Int64 and canonical(pl.Series([name])).dtype == pl.String:
        return  # It is unlike the ids of the model.
    warnings.warn(
        f"the first line of {where}, {name!r}, is not in the model and is taken for "
        f"the name of the column. Write {column!r} there to say so.",
        UnknownIdWarning,
        stacklevel=outside(),
    )
