"""Columns in the types that earlier rows have, with every value kept."""

from typing import Any, cast

import polars as pl

from tidegraph.errors import DataError


def retyped(values: pl.Series, like: pl.Series, of: str) -> pl.Series:
    """Return a column in the type that it has elsewhere, each value what it was.

    Floats may be rounded to shorter floats, and texts read as what they spell. Where
    no earlier value says of what type they are, the column is what it is.

    Args:
        values: The column.
        like: A column of the type that earlier values of it have.
        of: Whose column it is, for messages: "the new edges".

    Raises:
        DataError: A value cannot be of that type, or would be cut to fit it.
    """
    kind = like.dtype
    if kind in (values.dtype, pl.Null):
        return values
    said = f"column {values.name!r} of {of} holds {values.dtype}, and so far {kind}"
    try:
        found = values.cast(kind)
        if values.dtype == pl.String or _holds_floats(kind):
            return found
        # Polars cuts 2.7 to 2 and a time to its day without a word.
        cut = found.cast(values.dtype).ne_missing(values)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{said}: {str(error).splitlines()[0]}. Give values of that type."
        ) from error
    if cut.any():
        row = int(cut.arg_true()[0])
        was, would = (column[row : row + 1].to_list()[0] for column in (values, found))
        raise DataError(
            f"{said}: row {row} is {was}, which would become {would}. "
            f"Round it, or begin with a column of {values.dtype}."
        )
    return found


def _holds_floats(kind: Any) -> bool:
    """Return whether values of a type are floats, or made of some."""
    if isinstance(kind, pl.List | pl.Array):
        return _holds_floats(cast(Any, kind).inner)
    if isinstance(kind, pl.Struct):
        return any(_holds_floats(cast(Any, field).dtype) for field in kind.fields)
    return kind.is_float()
