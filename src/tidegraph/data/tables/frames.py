"""Data frames, Arrow data and mappings of columns as tables.

Columns that nobody asked for are not looked at, so they may hold anything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import polars as pl
from polars.exceptions import PolarsError

from tidegraph.data.tables.arrow import arrow_batches, arrow_series
from tidegraph.data.tables.refused import as_data_error, iterate_and_close
from tidegraph.data.tables.table import BATCH_ROWS, Batches, Table
from tidegraph.data.tables.values import series_of
from tidegraph.errors import DataError, type_of
from tidegraph.extras import needed


def frame_table(source: Any) -> Table:
    """Return a frame, Arrow data or a mapping of columns as a table.

    Raises:
        DataError: The source is not a table.
    """
    name = f"the {type(source).__module__.split('.')[0]} {type(source).__name__}"
    name = name.replace("the builtins", "the")
    if type(source).__name__ == "Series" and not hasattr(source, "columns"):
        raise DataError(f"{name} is one column and not a table. Pass a frame.")
    with as_data_error(name):
        names, read = _open_source(source, name)

    def batches(columns: Sequence[str]) -> Batches:
        for column in columns:
            if names.count(column) > 1:
                raise DataError(
                    f"{name} has two columns {column!r}. Rename or drop one."
                )
        yield from read(columns)

    return Table(name, names, False, batches)


_Reader = Callable[[Sequence[str]], Iterable[pl.DataFrame]]


def _open_source(source: Any, name: str) -> tuple[tuple[str, ...], _Reader]:
    """Return the names of all columns, and what reads some of them in batches."""
    if isinstance(source, pl.LazyFrame):
        return lazy_batches(source, name)
    if isinstance(source, pl.DataFrame):
        return _open_columns(source.columns, source.get_column, name)
    if isinstance(source, Mapping):
        given = {str(k): v for k, v in cast(Mapping[Any, Any], source).items()}
        return _open_columns(list(given), given.__getitem__, name)
    if fields := getattr(getattr(source, "dtype", None), "names", None):
        return _open_columns(list(fields), source.__getitem__, name)  # NumPy's records.
    if hasattr(source, "iloc") and hasattr(source, "columns"):
        return _pandas_columns(source, name)
    if (arrow := _open_arrow(source)) is not None:
        names, stream = arrow
        return names, lambda columns: arrow_batches(stream, names, columns, name)
    if hasattr(source, "__arrow_c_stream__"):
        with as_data_error(name):
            whole = pl.DataFrame(source)
        return _open_columns(whole.columns, whole.get_column, name)
    raise DataError(
        f"{type_of(source)} is not a table. Pass a path, a polars or "
        "pandas frame, Arrow data, a mapping of columns, or use read_sql()."
    )


def lazy_batches(
    source: pl.LazyFrame, where: str
) -> tuple[tuple[str, ...], Callable[[Sequence[str]], Batches]]:
    """Return the columns of what is not collected yet, and what reads some of them.

    What its files or its steps refuse is a DataError of one line.
    """

    def batches(columns: Sequence[str]) -> Batches:
        chosen = source.select(columns)
        return iterate_and_close(
            partial(chosen.collect_batches, chunk_size=BATCH_ROWS, lazy=True), where
        )

    with as_data_error(where):
        return tuple(source.collect_schema()), batches


def _open_arrow(
    source: Any,
) -> tuple[tuple[str, ...], Callable[[], Iterable[Any]]] | None:
    """Return the column names and the record batches of what Arrow has."""
    for stream in ("to_arrow_reader", "fetch_record_batch"):  # A relation of DuckDB.
        if hasattr(source, stream) and hasattr(source, "columns"):
            names = tuple(map(str, source.columns))
            return names, partial(getattr(source, stream), BATCH_ROWS)
    names = tuple(getattr(getattr(source, "schema", None), "names", ()))
    if hasattr(source, "scanner"):  # A data set.
        return names, lambda: source.scanner().to_reader()
    if hasattr(source, "to_reader") and names:  # A table, or a scanner.
        return names, lambda: source.to_reader()
    if hasattr(source, "read_next_batch"):  # A reader, which can be read once.
        return names, lambda: (batch for batch in source)  # Its owner closes it.
    if hasattr(source, "num_rows") and names:  # A record batch.
        return names, lambda: [source]
    return None


def _open_columns(
    names: Sequence[str], column: Callable[[str], Any], where: str
) -> tuple[tuple[str, ...], _Reader]:
    """Return how columns that are all in memory are read."""

    def read(columns: Sequence[str]) -> Iterable[pl.DataFrame]:
        found = [as_series(name, column(name), where) for name in columns]
        for series in found[1:]:
            if len(series) != len(found[0]):
                raise DataError(
                    f"{where}: column {series.name!r} has {len(series)} values and "
                    f"{found[0].name!r} has {len(found[0])}. Give one per row."
                )
        return pl.DataFrame(found).iter_slices(BATCH_ROWS)

    return tuple(names), read


def _pandas_columns(source: Any, where: str) -> tuple[tuple[str, ...], _Reader]:
    labels = list(source.columns)
    if any(isinstance(label, tuple) for label in labels):
        raise DataError(
            f"{where} has columns of several levels, such as {labels[0]!r}. Flatten "
            "them: frame.columns = ['_'.join(c) for c in frame.columns]."
        )
    names = [str(label) for label in labels]
    return _open_columns(names, lambda name: source.iloc[:, names.index(name)], where)


def as_series(name: str, values: Any, where: str) -> pl.Series:
    """Return one column of whatever holds values; a mix is typed by all of them.

    Raises:
        DataError: It is not a column.
        MissingExtraError: It is a pandas column and pyarrow is not installed.
    """
    if str(getattr(values, "dtype", "")).startswith("period"):
        values = values.dt.to_timestamp()
    is_list = type(values) in (list, tuple, range)
    if not is_list and str(getattr(values, "dtype", "")) not in ("object", "Object"):
        try:
            with needed("pyarrow", "frames", f"reading {where}"):
                return _whole_column(name, values, where)
        except (TypeError, ValueError, NotImplementedError, PolarsError):
            pass
    try:
        rows = [None if _is_pandas_missing(value) else value for value in values]
    except TypeError as error:
        raise DataError(
            f"{where}: column {name!r} is {type_of(values)}, not one value per "
            "row. Give a list, an array or a series."
        ) from error
    return series_of(name, rows)


def _whole_column(name: str, values: Any, where: str) -> pl.Series:
    """Return a column whole; pandas's own arrays do not pass through floats."""
    own = getattr(getattr(values, "array", None), "__arrow_array__", None)
    return pl.Series(name, values) if own is None else arrow_series(name, own(), where)


def _is_pandas_missing(value: Any) -> bool:
    """Whether a value is pandas's NA or NaT, or not a number."""
    return type(value).__name__ in ("NAType", "NaTType")
