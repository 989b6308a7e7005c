"""Where there is no id, whatever a tool wrote in its place."""

import polars as pl

from tidegraph.data.ids.identity import FEW, WHITE, Missing, is_no_value

MARKERS = (
    *("NULL", "null", r"\N", "NA", "N/A", "n/a", "#N/A", "<NA>"),
    *("nan", "NaN", "None"),
)
"""What tools write where a value is absent."""


def absent(values: pl.Series, missing: Missing) -> pl.Series:
    """Return where there is no id: null, not a number, empty text or a marker.

    Args:
        values: Raw ids of any type.
        missing: With ``"keep"`` a marker such as ``NULL`` is an id as it is written.
    """
    kind = values.dtype
    if kind.is_float():
        return values.is_null() | values.is_nan().fill_null(True)
    if kind == pl.Object:
        there = [_if_text(value) for value in values.to_list()]
        return absent(pl.Series(there, dtype=pl.String), missing)
    if not isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        return values.is_null()
    text = values.cast(pl.String)
    nothing = ("",) if missing == "keep" else ("", *MARKERS)
    if len(text) <= FEW:
        return pl.Series(
            [(v or "").strip(WHITE) in nothing for v in text.to_list()],
            dtype=pl.Boolean,
        )
    return text.str.strip_chars().is_in(nothing).fill_null(True)


def _if_text(value: object) -> str | None:
    """Return text as it is, and any other value that is there as some text."""
    if value is None or is_no_value(value):
        return None
    return str(value) if isinstance(value, str) else "there"
