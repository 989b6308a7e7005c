"""Rows without an id, left out of every column."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Bool

from tidegraph.data.ids.absent import mask_absent


def rows_with_ids(
    batch: pl.DataFrame, columns: Sequence[str]
) -> Bool[np.ndarray, " rows"]:
    """Return which rows have all their ids; a marker such as ``NULL`` is none.

    Args:
        batch: Rows of a table.
        columns: The columns of ids.
    """
    kept = np.ones(len(batch), np.bool_)
    for column in columns:
        kept &= ~mask_absent(batch[column], "drop").to_numpy()
    return kept
