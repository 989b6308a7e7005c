"""Types of columns that came as text, each found over the whole column."""

import re
from collections.abc import Collection

import polars as pl

_EXACT = 2.0**53
"""A float holds every whole number below this one, and no other number is it."""
_TRUTH = {"true": True, "false": False}


def typed(frame: pl.DataFrame, text: Collection[str] = ()) -> pl.DataFrame:
    """Return text columns as whole numbers, numbers or truths where all values are.

    Numbers with a leading zero or a plus sign keep a column text, because ``7`` is not
    what was written; so do whole numbers that no float holds beside fractions or beyond
    64 bits, and codes such as ``12E3``, which no program writes for a number.

    Args:
        frame: Columns of any type; only those of text change.
        text: Columns to leave as text.
    """
    return frame.with_columns(
        _typed_column(column)
        for column in frame.iter_columns()
        if column.dtype == pl.String and column.name not in text
    )


def _typed_column(texts: pl.Series) -> pl.Series:
    first = texts.first(ignore_nulls=True)
    if isinstance(first, str) and re.search(r"\s", first):
        return texts
    there = texts.drop_nulls()
    if not len(there) or there.str.contains(r"^[+-]?0[0-9]|^\+|\s").any():
        return texts
    for kind in (pl.Int64, pl.Float64):
        values = texts.cast(kind, strict=False)
        if values.null_count() == texts.null_count():
            rounds = kind == pl.Float64 and _says_more_than_floats(there)
            return texts if rounds else values
    lower = texts.str.to_lowercase()
    if there.str.to_lowercase().is_in(list(_TRUTH)).all():
        return lower.replace_strict(_TRUTH, return_dtype=pl.Boolean)
    return texts


def _says_more_than_floats(numbers: pl.Series) -> bool:
    """Whether floats would make one value of two that are written differently."""
    whole = numbers.filter(numbers.str.contains(r"^[+-]?[0-9]+$"))
    rounded = (whole.cast(pl.Float64).abs() >= _EXACT).any()
    return bool(rounded or numbers.str.contains(r"^[+-]?[0-9]+[eE][0-9]+$").any())
