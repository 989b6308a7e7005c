"""Arrow batches as frames, column by column, without importing Arrow."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import polars as pl

from tidegraph.errors import DataError


def arrow_batches(
    stream: Iterable[Any], names: Sequence[str], columns: Sequence[str], where: str
) -> Iterator[pl.DataFrame]:
    """Yield some columns of Arrow record batches; the others are not looked at.

    Args:
        stream: The record batches.
        names: The names of all their columns.
        columns: Those to yield.
        where: What messages call the source.

    Raises:
        DataError: A column cannot be read.
    """
    places = {column: list(names).index(column) for column in columns}
    for batch in stream:
        if not batch.num_rows:
            continue
        yield pl.DataFrame(
            [
                _series(column, batch.column(place), where)
                for column, place in places.items()
            ]
        )


def _series(name: str, values: Any, where: str) -> pl.Series:
    # An extension type, such as a UUID, is read as what it is stored as.
    plain = getattr(values, "storage", values)
    try:
        return pl.Series(name, plain)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{where}: column {name!r} holds {plain.type}, which cannot be read. "
            "Cast it to numbers, text or times."
        ) from error
