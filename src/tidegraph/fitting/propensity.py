"""Propensities: how probable it was that a row of a log would be shown."""

import numpy as np
import polars as pl
from jaxtyping import Float32, Float64

from tidegraph.data.context import carried_column
from tidegraph.data.interactions import Interactions
from tidegraph.data.views.evidence import is_shown
from tidegraph.errors import DataError

MOST = 100.0
"""No row counts more than so many times the least, unless said."""


def check_propensities(
    log: Interactions, column: str, *, since: int = 0, part: str = "the log"
) -> None:
    """Refuse a column that says no propensity of a row that was shown.

    Args:
        log: Rows with label 1 and 0.
        column: Column of its context.
        since: The first row that is asked.
        part: What the log is called.

    Raises:
        DataError: There is no such column, or it says no propensity of a row.
    """
    chance = _propensities(log, column)
    shown = is_shown(log) & (np.arange(len(log)) >= since)
    wrong = np.flatnonzero(shown & ~((chance > 0) & (chance <= 1)))
    if len(wrong):
        raise DataError(
            f"row {wrong[0]} of {part} has {column}={chance[wrong[0]]}, and the "
            "chance of what was shown is above 0 and at most 1. Leave such rows out, "
            "or learn without propensities."
        )


def inverse_propensities(
    log: Interactions, column: str | None, most: float = MOST
) -> Float32[np.ndarray, " n"]:
    """Return one over the propensity of each row, none so many times the least.

    Of an action of a weight of 0 or below, such as a return, which was not shown, it is
    not asked.

    Args:
        log: Rows with label 1 and 0.
        column: Column of its context; all rows count alike without one.
        most: No row counts more than so many times the least.

    Raises:
        DataError: There is no such column, or it says no propensity of a row.
    """
    weight = np.ones(len(log), np.float32)
    if column is None:
        return weight
    check_propensities(log, column)
    shown = is_shown(log)
    inverse = 1 / _propensities(log, column)[shown]
    weight[shown] = np.minimum(inverse, most * inverse.min(initial=np.inf))
    return weight


def _propensities(log: Interactions, column: str) -> Float64[np.ndarray, " n"]:
    values = carried_column(log.context, column, "of propensities")
    if not values.dtype.is_numeric():
        raise DataError(
            f"the propensities of column {column!r} are {values.dtype}, not numbers."
        )
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy()
