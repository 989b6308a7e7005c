"""Columns of Python values, each typed by all the values it holds.

Values of several types stay as they are, because what becomes of them depends on what
the column is for: ``ids`` says what each is as an id, ``in_plain_types`` what else.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

import numpy as np
import polars as pl

from tidegraph.data.ids.identity import decimal_text

_EXACT = 2**53
"""A float holds every whole number below this one, and no other number is it."""
_SEVERAL = (list, tuple, dict, set, frozenset)
_DTYPES: dict[type, Any] = {
    int: pl.Int64,
    float: pl.Float64,
    bool: pl.Boolean,
    str: pl.String,
    bytes: pl.Binary,
    date: pl.Date,
    datetime: None,
    Decimal: None,
}


def series_of(name: str, values: Sequence[Any]) -> pl.Series:
    """Return values as a column of one type, or of objects if they have several.

    Whole numbers beside others become floats where floats hold them.
    """
    kinds = set(map(type, values)) - {type(None)}
    if any(issubclass(kind, np.generic) for kind in kinds):
        values = [_python_scalar(value) for value in values]
        kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if kinds == {int, float} and _all_exact(values):
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    kind = kinds.pop() if len(kinds) == 1 else object
    try:
        if kind in _DTYPES:
            return pl.Series(name, values, dtype=_DTYPES[kind])
        if issubclass(kind, np.number) and None not in values:
            return pl.Series(name, np.array(values))
        if kind in _SEVERAL:
            return pl.Series(name, values)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        # Whole numbers beyond 64 bits, datetimes with and without a zone.
        pass
    return pl.Series(name, values, dtype=pl.Object)


def in_plain_types(column: pl.Series, *, as_text: bool = False) -> pl.Series:
    """Return a column in which no value is an object, rounded or cut.

    Truths beside whole numbers are 0 and 1. Values of types that do not go together
    become text, each as Python writes it; truths and lists as JSON does.

    Args:
        column: A column as ``series_of`` makes it.
        as_text: Whether objects of any type become text.
    """
    if column.dtype != pl.Object:
        return column
    values = column.to_list()
    kinds = set(map(type, values)) - {type(None)}
    if not as_text and kinds == {int, bool}:
        whole = [None if value is None else int(value) for value in values]
        found = series_of(column.name, whole)
        if found.dtype != pl.Object:
            return found
    return pl.Series(
        column.name, [_value_text(value) for value in values], dtype=pl.String
    )


def without_objects(
    frame: pl.DataFrame, ids: Collection[str] = (), *, as_text: bool = False
) -> pl.DataFrame:
    """Return a frame with ``in_plain_types`` columns but for those of ids."""
    if pl.Object not in frame.dtypes:
        return frame
    return frame.with_columns(
        in_plain_types(column, as_text=as_text)
        for column in frame.iter_columns()
        if column.name not in ids
    )


def stacked(parts: Sequence[pl.Series]) -> pl.Series:
    """Return columns one below the other, of objects if one is.

    Columns of several types are typed by all their values, as one would have been.
    """
    name = parts[0].name
    kinds = {part.dtype for part in parts} - {pl.Null()}
    if len(kinds) < 2 and pl.Object not in kinds:
        frames = [part.to_frame(name) for part in parts]
        return pl.concat(frames, how="vertical_relaxed").to_series()
    values = [value for part in parts for value in part.to_list()]
    if pl.Object not in kinds:
        return series_of(name, values)
    return pl.Series(name, values, dtype=pl.Object)


def _python_scalar(value: Any) -> Any:
    """Return a scalar of NumPy as Python's own, if that says no more than it does."""
    if isinstance(value, np.integer | np.float64 | np.bool_ | np.str_):
        return cast(Any, value).item()
    return value


def _all_exact(values: Iterable[Any]) -> bool:
    return all(abs(v) < _EXACT for v in values if type(v) is int)


def _value_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, _SEVERAL):
        return _several_text(cast(Any, value))
    # Only what is not a number differs from itself.
    if type(value).__name__ != "ndarray" and value != value:
        return None
    if isinstance(value, Decimal):
        return decimal_text(value) if value.is_finite() else str(value)
    if type(value) in (bytes, bytearray, memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    # Half a character, as JSON can spell it, is none.
    return str(value).encode("utf-8", "backslashreplace").decode()


def _several_text(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)
