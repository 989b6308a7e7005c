"""Impressions written in one cell, as MIND does: ``N55689-1 N35729-0``."""

import re

import numpy as np
import polars as pl

from tidegraph.data.origin import Rows, as_array
from tidegraph.data.tables.values import in_plain_types
from tidegraph.errors import DataError

LABEL = "label of the impression"
"""The column that ``exploded`` adds."""

_CELL = r"^\s*\S+-[01](\s+\S+-[01])*\s*$"


def refuse_impressions(cells: pl.Series, where: str) -> None:
    """Refuse a column of items that holds impressions with their labels.

    Raises:
        DataError: All of the first cells are items with labels, and one is several.
    """
    if _look_like_impressions(cells):
        raise DataError(
            f"{where}: column {cells.name!r} holds impressions such as "
            f"{str(cells[0])[:20]!r}, which are items with their labels. Pass "
            f"label={cells.name!r} too, to read each as an event."
        )


def _look_like_impressions(cells: pl.Series) -> bool:
    if cells.dtype != pl.String:
        return False
    first = [cell for cell in cells.head(20).to_list() if cell is not None]
    several = any(len(cell.split()) > 1 for cell in first)
    return several and all(re.search(_CELL, cell) for cell in first)


def exploded(
    batch: pl.DataFrame, column: str, where: str, rows: Rows
) -> tuple[pl.DataFrame, Rows]:
    """Return a row for each impression with its label, and the row it came from.

    Args:
        batch: Rows with a cell of impressions; those with an empty one are left out.
        column: The column of cells; it holds the item of each impression afterwards.
        where: What messages call the source.
        rows: The numbers that messages give to the rows.

    Raises:
        DataError: A cell is not items with labels; the message names the row.
    """
    cells = in_plain_types(batch[column]).cast(pl.String)
    bad = ~cells.str.contains(_CELL) & (cells.str.strip_chars() != "")
    if bad.any():
        row = int(bad.arg_true()[0])
        raise DataError(
            f"{where}, row {rows[row]}: column {column!r} is "
            f"{str(cells[row])[:40]!r}, not items with labels such as 'N1-0 N2-1'. "
            "Mend it, or pass another column as the label."
        )
    split = cells.str.extract_all(r"\S+").fill_null([])
    times = split.list.len().to_numpy()
    spelt = split.explode(empty_as_null=False)
    found = batch[np.repeat(np.arange(len(batch)), times)].with_columns(
        spelt.str.slice(0, spelt.str.len_chars() - 2).alias(column),
        spelt.str.slice(-1).alias(LABEL),
    )
    return found, as_array(rows).repeat(times)
