"""Where there is no id, whatever a tool wrote in its place."""

import polars as pl

from tidegraph.data.ids.identity import FEW, Missing, is_no_value
from tidegraph.data.invisible import INVISIBLE

MARKERS = (
    *("NULL", "null", r"\N", "NA", "N/A", "n/a", "#N/A", "<NA>"),
    *("nan", "NaN", "None"),
)
"""What tools write where a value is absent."""
_NOTHING = {"keep": ("",), "refuse": ("", *MARKERS), "drop": ("", *MARKERS)}


def mask_absent(values: pl.Series, missing: Missing) -> pl.Series:
    """Return where there is no id: null, not a number, empty text or a marker.

    Args:
        values: Raw ids of any type.
        missing: With ``"keep"`` a marker such as ``NULL`` is an id as it is written.
    """
    kind = values.dtype
    if kind.is_float():
        return values.is_null() | values.is_nan().fill_null(True)
    if kind == pl.Object:
        # Text may hold half a character, which a column of text cannot.
        there = [_is_absent_object(value, missing) for value in values.to_list()]
        return pl.Series(there, dtype=pl.Boolean)
    if not isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        return values.is_null()
    text = values.cast(pl.String)
    if len(text) <= FEW:
        there = [is_absent(value, missing) for value in text.to_list()]
        return pl.Series(there, dtype=pl.Boolean)
    return text.str.strip_chars(INVISIBLE).is_in(_NOTHING[missing]).fill_null(True)


def is_absent(text: str | None, missing: Missing) -> bool:
    """Return whether one text stands for no id; see ``mask_absent``."""
    return (text or "").strip(INVISIBLE) in _NOTHING[missing]


def _is_absent_object(value: object, missing: Missing) -> bool:
    """Return whether a value of any type stands for no id."""
    if isinstance(value, str):
        return is_absent(str(value), missing)
    return value is None or is_no_value(value)
