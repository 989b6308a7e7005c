"""Columns that hold their own values, and no byte of values that were left out."""

from io import BytesIO

import polars as pl


def packed(values: pl.Series) -> pl.Series:
    """Return a column in memory of its own, with no value but those that it shows.

    Polars keeps a text as a place in a buffer, and rows that are left out stay there:
    whoever saves, pickles or looks into memory finds them. Numbers stand for themselves
    once they are filtered or gathered, and are not copied again.

    Categories are written as far as they are used; the list of all of them, which
    polars keeps for the whole process, is none of the column's.
    """
    kind = values.dtype
    if not (kind.is_nested() or isinstance(kind, pl.String | pl.Binary)):
        return values
    held = BytesIO()
    # The older layout has no shared buffers: each text stands behind the one before.
    values.to_frame().write_ipc(held, compat_level=pl.CompatLevel.oldest())
    held.seek(0)
    return pl.read_ipc(held).to_series()
