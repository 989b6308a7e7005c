"""A feature of users or items as a column, and as the tags that each of them has."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Float64, Int32, Int64

from tidegraph.data.features import feature_names
from tidegraph.data.ids.lookup import Lookup
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.log import Interactions
from tidegraph.errors import DataError, did_you_mean


def feature_of_nodes(
    nodes: Vocabulary,
    column: str,
    kind: str,
    called: str | None = None,
    *,
    several: bool = False,
) -> pl.Series:
    """Return a feature of all users or items, or an error that names those there are.

    Args:
        nodes: Users or items.
        column: Name of the feature.
        kind: ``item`` or ``user``, for messages.
        called: How they begin, such as ``names='title'``; with the name alone if left
            out.
        several: May each value be a list?

    Raises:
        DataError: There is no such feature, or each value of it is a table, or a list.
    """
    called, there = called or repr(column), nodes.features.columns
    if column not in there:
        raise DataError(
            f"{called} is no feature of {kind}s.{did_you_mean(column, there)} "
            f"{feature_names(there, kind)}"
        )
    values = nodes.features[column]
    read = values.explode() if several else values
    if read.dtype.is_nested():
        raise DataError(
            f"{called} is a column of {values.dtype}, and one value of each {kind} is "
            "read. Choose one of each, or leave it out."
        )
    return values


def check_categories(values: pl.Series, called: str, otherwise: str = "") -> None:
    """Refuse numbers with a fraction, or lists of those.

    Args:
        values: A column of features.
        called: How the message begins.
        otherwise: What else can be done, as it ends.

    Raises:
        DataError: There are some.
    """
    if has_fractions(values.explode()):
        raise DataError(
            f"{called} is a column of {values.dtype}, and numbers with a fraction are "
            f"no categories. Cut them into ranges first (Series.cut){otherwise}."
        )


def tags_of(
    column: pl.Series,
) -> tuple[Int64[np.ndarray, " n"], Int32[np.ndarray, " n"]]:
    """Return the different values of each row of a column, or of its lists.

    Null and a number that is not finite are none.

    Returns:
        The row and the number of each value, by row and then by number.
    """
    table = pl.DataFrame({"row": np.arange(len(column)), "tag": column})
    if isinstance(column.dtype, pl.List | pl.Array):
        table = table.explode("tag")
    table = table.with_columns(null_if_not_finite(table["tag"])).drop_nulls().unique()
    row, tags = table["row"].to_numpy(), table["tag"]
    # In order, so that every fit numbers them alike.
    tag = Lookup(tags.unique().sort()).rows(tags)
    order = np.lexsort((tag, row))
    return row[order], tag[order]


def has_fractions(values: pl.Series) -> bool:
    """Is a column one of numbers with a fraction, which are no categories?

    Whole numbers with gaps come from pandas as floats, and are what they were.
    """
    if not (values.dtype.is_float() or values.dtype.is_decimal()):
        return False
    number = floats_with_nan(values)
    return bool((number[np.isfinite(number)] % 1 != 0).any())


def null_if_not_finite(values: pl.Series) -> pl.Series:
    """Return a column, with null in place of numbers that are not finite."""
    if not values.dtype.is_float():
        return values
    return values.set(~values.is_finite().fill_null(value=True), None)


def floats_with_nan(values: pl.Series) -> Float64[np.ndarray, " n"]:
    """Return a column of numbers as floats, with nan in place of null."""
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy()


def as_text(values: pl.Series) -> pl.Series:
    """Return the values of a category as text, a whole number alike in any type."""
    if values.dtype.is_float() or values.dtype.is_decimal():
        values = null_if_not_finite(values)
        fraction = (values % 1 != 0).fill_null(value=False)
        values = values.set(fraction, None).cast(pl.Int64, strict=False)
    return values.cast(pl.String)


def with_categories(log: Interactions, names: Iterable[str]) -> Interactions:
    """Return a log some of whose columns are categories, whatever they look like.

    Their values become text, of which everything that reads columns makes categories.

    Args:
        log: The log, with its features and its context.
        names: Columns as fields are called, such as ``item.brand`` or ``event.device``.

    Raises:
        DataError: There is no such column, or it holds lists or fractions.
    """
    tables = {
        "user": log.users.features,
        "item": log.items.features,
        "event": log.context,
    }
    known = [f"{kind}.{column}" for kind, t in tables.items() for column in t.columns]
    for name in names:
        kind, _, column = name.partition(".")
        if name not in known:
            raise DataError(
                f"categorical names {name!r}, and there is no such column."
                f"{did_you_mean(name, known)} There are: "
                f"{', '.join(known) or 'no columns beside the events'}."
            )
        values = tables[kind][column]
        if values.dtype.is_nested() or has_fractions(values):
            raise DataError(
                f"categorical names {name!r}, a column of {values.dtype}, and a "
                "category is one text, whole number, date or truth value. Cut numbers "
                "into ranges first (Series.cut), and of a list choose one."
            )
        tables[kind] = tables[kind].with_columns(as_text(values))
    return replace(
        log,
        users=replace(log.users, features=tables["user"]),
        items=replace(log.items, features=tables["item"]),
        context=tables["event"],
    )
