"""Data frames, Arrow tables and mappings of columns as tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from tidegraph.data.table import BATCH_ROWS, Table
from tidegraph.errors import DataError, MissingExtraError


def frame_table(source: Any) -> Table:
    """Return a frame, an Arrow table or a mapping of columns as a table.

    Raises:
        DataError: The source is not a table.
    """
    name = f"the {type(source).__module__.split('.')[0]} {type(source).__name__}"
    if isinstance(source, Mapping):
        source = _as_frame(source, name)
    columns = _column_names(source)

    def batches(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        if isinstance(source, pl.LazyFrame):
            yield from source.select(columns).collect_batches(
                chunk_size=BATCH_ROWS, lazy=True
            )
            return
        # Columns that nobody asked for may hold what Arrow cannot.
        narrow = source[list(columns)] if hasattr(source, "loc") else source
        yield from _as_frame(narrow, name).select(columns).iter_slices(BATCH_ROWS)

    return Table(name, columns, False, batches)


def _column_names(source: Any) -> tuple[str, ...]:
    if isinstance(source, pl.LazyFrame):
        return tuple(source.collect_schema())
    if not hasattr(source, "__arrow_c_stream__"):
        raise DataError(
            f"a {type(source).__name__} is not a table. Pass a path, a polars or "
            "pandas frame, an Arrow table, or use read_sql()."
        )
    if hasattr(source, "column_names"):
        return tuple(source.column_names)
    return tuple(str(column) for column in getattr(source, "columns", ()))


def _as_frame(source: Any, name: str) -> pl.DataFrame:
    if isinstance(source, pl.DataFrame):
        return source
    try:
        return pl.DataFrame(source)
    except ImportError as error:
        raise MissingExtraError("pyarrow", "frames", f"reading {name}") from error
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{name} cannot be read as a table: {error}. Give each column one type."
        ) from error
