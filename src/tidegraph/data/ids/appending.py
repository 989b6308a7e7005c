"""Columns that grow by a few values at a time, and the few that are new among them."""

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.data.ids.identity import FEW
from tidegraph.data.ids.lookup import Lookup


def appended(held: pl.Series, more: pl.Series) -> pl.Series:
    """Return a column with more values; a value is copied O(log rows) times in all.

    It lies in parts, each at least twice as long as the next.
    """
    parts = held.get_chunks()
    while parts and len(parts[-1]) < 2 * len(more):
        more = pl.concat([parts.pop(), more], rechunk=True)
    return pl.concat([*parts, more], rechunk=False)


def numbered(values: pl.Series) -> tuple[pl.Series, Int32[np.ndarray, " n"]]:
    """Return the different values by first appearance, and the place of each there."""
    if len(values) > FEW:
        different = values.unique(maintain_order=True)
        return different, Lookup(different).rows(values)
    # A step through polars takes longer than all of this.
    place: dict[object, int] = {}
    places = [place.setdefault(value, len(place)) for value in values.to_list()]
    if len(place) < len(values):
        values = pl.Series(values.name, list(place), dtype=values.dtype)
    return values, np.array(places, np.int32)
