"""Arrow batches as frames, column by column, without importing Arrow.

A column of an extension type is what its database holds: UUIDs are their text, JSON its
values, a ``numeric`` of PostgreSQL a number; other types that the driver does not
understand are text where they are text.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Any

import polars as pl

from tidegraph.data.ids.identity import uuid_text
from tidegraph.data.tables.refused import iterate_and_close
from tidegraph.data.tables.table import Batches
from tidegraph.data.tables.values import series_of
from tidegraph.errors import DataError

_MONEY = b"money"


def arrow_batches(
    opened: Callable[[], Iterable[Any]],
    names: Sequence[str],
    columns: Sequence[str],
    where: str,
) -> Batches:
    """Yield some columns of Arrow record batches; the others are not looked at.

    Args:
        opened: Gives the record batches; they are closed afterwards, if they can be.
        names: The names of all their columns.
        columns: Those to yield.
        where: What messages call the source.

    Raises:
        DataError: The stream fails, or a column cannot be read.
    """
    places = {column: list(names).index(column) for column in columns}
    with closing(iterate_and_close(opened, where)) as stream:
        for batch in stream:
            if not batch.num_rows:
                continue
            for column, place in places.items():
                _refuse_money(column, batch.schema.field(place).metadata or {}, where)
            yield pl.DataFrame(
                [
                    arrow_series(column, batch.column(place), where)
                    for column, place in places.items()
                ]
            )


def arrow_series(name: str, values: Any, where: str) -> pl.Series:
    """Return an Arrow array, in one piece or several, as a column.

    Raises:
        DataError: It cannot be read.
    """
    kind = values.type
    extension = getattr(kind, "extension_name", None)
    plain = values if extension is None else _storage_of_extension(values)
    if str(plain.type).startswith("decimal256"):
        return _numbers_from_decimals(pl.Series(name, plain.cast("string")))
    try:
        found = pl.Series(name, plain)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise _unreadable_column(name, plain.type, where) from error
    if extension == "arrow.uuid":
        return uuid_text(found)
    if extension == "arrow.json":
        return _json_values(found)
    if extension == "arrow.opaque" and kind.type_name == "numeric":
        return _numbers_from_decimals(found)
    if extension == "arrow.opaque" and found.dtype == pl.Binary:
        return _text_of_bytes(found, kind.type_name, where)
    return found


def _storage_of_extension(values: Any) -> Any:
    """Return what an array of an extension type is stored as."""
    if hasattr(values, "storage"):
        return values.storage
    return values.cast(values.type.storage_type)


def _json_values(texts: pl.Series) -> pl.Series:
    """Return the values of JSON; lists and records stay as they are."""
    values = [None if text is None else json.loads(text) for text in texts.to_list()]
    if any(isinstance(value, list | dict) for value in values):
        return pl.Series(texts.name, values, dtype=pl.Object)
    return series_of(texts.name, values)


def _numbers_from_decimals(texts: pl.Series) -> pl.Series:
    """Return decimals in text as numbers if these hold them all, else as text."""
    short = texts.str.replace(r"^(-?\d+\.\d*?)0+$", "$1").str.strip_suffix(".")
    whole = short.cast(pl.Int64, strict=False)
    if whole.null_count() == texts.null_count():
        return whole
    numbers = short.cast(pl.Float64, strict=False)
    spelt = numbers.cast(pl.String).str.strip_suffix(".0")
    return numbers if spelt.eq_missing(short).all() else short


def _text_of_bytes(values: pl.Series, kind: str, where: str) -> pl.Series:
    """Return bytes of a type that only its database knows, if they are text."""
    try:
        text = values.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise _unreadable_column(values.name, kind, where) from error
    if text.str.contains(r"[\x00-\x08\x0e-\x1f]").any():
        raise _unreadable_column(values.name, kind, where)
    return text


def _refuse_money(name: str, metadata: dict[bytes, bytes], where: str) -> None:
    """Refuse a type that the driver of PostgreSQL gives in hundredths."""
    if metadata.get(b"POSTGRESQL:type") == _MONEY:
        raise _unreadable_column(name, "money", where)


def _unreadable_column(name: str, kind: object, where: str) -> DataError:
    return DataError(
        f"{where}: column {name!r} holds {kind}, which cannot be read. Cast it to "
        "numbers, text or times."
    )
