"""Conditions: polars expressions that hold for some rows of a table."""

import numpy as np
import polars as pl
from jaxtyping import Bool

from tidegraph.errors import RequestError

_MOMENTS = ('"Datetime"', '"Date"', '"Duration"', '"Time"')


def holds(
    table: pl.DataFrame, condition: pl.Expr, time: str | None
) -> Bool[np.ndarray, " rows"]:
    """Return for which rows a polars condition holds; where it is unknown it does not.

    Args:
        table: The columns.
        condition: An expression over them.
        time: The column that holds Unix seconds, if there is one.

    Raises:
        RequestError: The condition does not fit the columns.
    """
    if time in condition.meta.root_names() and _names_a_moment(condition):
        raise RequestError(
            f"{time!r} holds Unix seconds, and polars would compare a date with them "
            "as if it were a number. Compare with seconds, or use before() and "
            "within()."
        )
    strange = [n for n in condition.meta.root_names() if n not in table.columns]
    if strange:
        raise RequestError(
            f"there is no column {strange[0]!r} here. They have: "
            f"{', '.join(table.columns) or 'none'}."
        )
    try:
        found = table.select(condition).to_series()
    except pl.exceptions.PolarsError as error:
        said = str(error).splitlines()[0]
        raise RequestError(
            f"where({condition}) does not fit the columns: {said}. They are: "
            f"{', '.join(f'{n} ({k})' for n, k in table.schema.items())}."
        ) from error
    if found.dtype != pl.Boolean or len(found) != table.height:
        raise RequestError(
            f"where({condition}) is {found.dtype}, not a truth for each row."
        )
    return found.fill_null(False).to_numpy()


def check(condition: object) -> pl.Expr:
    """Return a condition of a query that is one; else an error.

    Raises:
        RequestError: It is something else.
    """
    if not isinstance(condition, pl.Expr):
        raise RequestError(
            f"{condition!r} is no condition. Write one like pl.col('price') < 10."
        )
    return condition


def _names_a_moment(condition: pl.Expr) -> bool:
    try:
        said = condition.meta.serialize(format="json")
    except pl.exceptions.PolarsError:
        # What cannot be written, such as a function of one's own, is left to polars.
        return False
    return any(kind in said for kind in _MOMENTS)
