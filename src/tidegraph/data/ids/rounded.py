"""Ids that read like long numbers which a spreadsheet has rounded."""

import re
import warnings

import numpy as np
import polars as pl
from jaxtyping import Bool

from tidegraph.data.ids.identity import FEW
from tidegraph.data.ids.unknown import outside
from tidegraph.errors import RoundedIdWarning

_ROUNDED = r"^\s*[+-]?[1-9]([.,][0-9]+)?[eE]\+[0-9]{1,3}\s*$"
"""What is left of a long number, such as ``1.23457E+12``."""
_FITS = re.compile(_ROUNDED).match
_MEND = (
    "a spreadsheet writes for a long number, so that several ids may have become one. "
    "Export the ids as text"
)


def are_rounded(ids: pl.Series) -> Bool[np.ndarray, " ids"]:
    """Return which ids read like ``1.23457E+12``."""
    if ids.dtype != pl.String:
        return np.zeros(len(ids), np.bool_)
    if len(ids) > FEW:
        return ids.str.contains(_ROUNDED).fill_null(False).to_numpy()
    # An erased row has no id.
    return np.array([is_rounded(text or "") for text in ids.to_list()], np.bool_)


def is_rounded(text: str) -> bool:
    """Return whether one id reads like ``1.23457E+12``."""
    return _FITS(text) is not None


def rounded_text(events: int, column: str, example: str, where: str) -> str:
    """Return in a sentence that rows hold such ids.

    Args:
        events: How many rows.
        column: The column of ids.
        example: One of the ids.
        where: The source, and some of the rows.
    """
    hold = "row holds" if events == 1 else "rows hold"
    return (
        f"{events:,} {hold} an id like {example!r} in column {column!r} ({where}), "
        f"which {_MEND}"
    )


def warn_rounded(events: int, column: str, example: str, where: str) -> None:
    """Warn of ``rounded_text``."""
    said = rounded_text(events, column, example, where) + "."
    warnings.warn(said, RoundedIdWarning, stacklevel=outside())
