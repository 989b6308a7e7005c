"""Columns of Python values, each typed by all the values it holds."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from tidegraph.data.ids import decimal_text

_EXACT = 2**53
"""A float holds every whole number up to this one."""
_SEVERAL = {list, tuple, dict, set, frozenset}
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
    """Return values as a column of one type, in which none is rounded or cut.

    Whole numbers beside others become floats where floats hold them. Values of types
    that do not go together become text, each as Python writes it.
    """
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {int, bool}:
        values, kinds = [None if v is None else int(v) for v in values], {int}
    if kinds == {int, float} and _all_exact(values):
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    if kinds & _SEVERAL:
        return pl.Series(name, values, strict=False)
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if len(kinds) == 1 and (kind := kinds.pop()) in _DTYPES:
        try:
            return pl.Series(name, values, dtype=_DTYPES[kind])
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            # Whole numbers beyond 64 bits, or datetimes with and without a zone.
            return _as_text(name, values)
    return _as_text(name, values)


def _all_exact(values: Iterable[Any]) -> bool:
    return all(abs(v) <= _EXACT for v in values if type(v) is int)


def _as_text(name: str, values: Iterable[Any]) -> pl.Series:
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    # Only what is not a number differs from itself.
    if value is None or value != value:
        return None
    if isinstance(value, Decimal):
        return decimal_text(value) if value.is_finite() else str(value)
    if type(value) in (bytes, bytearray, memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    return str(value)
