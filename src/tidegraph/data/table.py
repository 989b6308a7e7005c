"""Columns that can be read in batches, wherever they come from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

BATCH_ROWS = 50_000


@dataclass(frozen=True)
class Table:
    """Columns that can be read in batches.

    Attributes:
        name: What messages call it.
        columns: Names of all its columns.
        is_text: Whether types have to be found out from text.
        batches: Yields the named columns in row order, as text where the file is text.
        hint: What to say beside a column that is not found, if anything.
    """

    name: str
    columns: tuple[str, ...]
    is_text: bool
    batches: Callable[[Sequence[str]], Iterator[pl.DataFrame]]
    hint: str = ""
