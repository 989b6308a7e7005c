"""Feature columns as numbers: values as categories, ranges, or standardised."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from tidegraph.data.ids.lookup import Lookup
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.views.feature_column import (
    check_categories,
    feature_of_nodes,
    floats_with_nan,
    null_if_not_finite,
)
from tidegraph.errors import DataError
from tidegraph.graph.from_log import ITEM

CELLS = 1 << 18
"""About how many candidates and events of histories are read at a time."""
RANGES = 16
"""Into how many ranges, of as many rows each, a column of fractions is cut."""


def category_codes(
    items: Vocabulary, column: str | None
) -> Int32[np.ndarray, " items"]:
    """Return a number per category of each item, -1 where it has none.

    A number that is not finite is none.

    Raises:
        DataError: The items have no such feature.
    """
    if column is None:
        return np.full(len(items), -1, np.int32)
    check_category(items, column)
    values = null_if_not_finite(items.features[column])
    kinds = values.drop_nulls().unique(maintain_order=True)
    return Lookup(kinds).rows(values).copy()


def check_category(items: Vocabulary, column: str) -> None:
    """Refuse a column that groups no items.

    Raises:
        DataError: There is none, or it is of fractions or lists.
    """
    called = f"category={column!r}"
    check_categories(feature_of_nodes(items, column, ITEM, called), called)


def category_numbers(
    values: pl.Series, known: int
) -> tuple[int, Int64[np.ndarray, " n"]]:
    """Return how many kinds the known rows have, and the kind of each row from 1 on.

    Args:
        values: A column; null has no kind.
        known: How many rows are known; a value that none of them has, has no kind.

    Returns:
        The number of kinds, and 0 or the kind of each row.
    """
    values = null_if_not_finite(values)
    kinds = values[:known].drop_nulls().unique(maintain_order=True)
    return len(kinds), Lookup(kinds).rows(values).astype(np.int64) + 1


def check_tells_apart(values: pl.Series, known: int, column: str) -> None:
    """Refuse a column that tells no two of the known rows apart.

    Raises:
        DataError: It does not.
    """
    kinds = null_if_not_finite(values[:known]).drop_nulls().unique(maintain_order=True)
    if len(kinds) < 2:
        only = repr(kinds.first()) if len(kinds) else "nothing"
        raise DataError(
            f"{column!r} is {only} for every item of training that has it, and tells "
            "no two apart. Leave it out."
        )


def quantile_codes(
    values: pl.Series, known: int
) -> tuple[int, Int64[np.ndarray, " n"]]:
    """Return the number of ranges, and the range of each row from 1 on.

    Args:
        values: A column of numbers; null and what is not finite are in no range.
        known: Of how many rows each range has about as many.
    """
    if not np.isfinite(floats_with_nan(values[:known])).any():
        return 0, np.zeros(len(values), np.int64)
    edges = quantile_edges(values[:known])
    return len(edges) + 1, quantile_of(values, edges)


def quantile_edges(values: pl.Series) -> Float64[np.ndarray, " edges"]:
    """Return where ranges of numbers end that have as many of them each.

    Args:
        values: A column of numbers; null and what is not finite are in no range.
    """
    row = floats_with_nan(values)
    seen = row[np.isfinite(row)]
    if not len(seen):
        return np.zeros(0)
    edges = np.unique(np.quantile(seen, np.arange(1, RANGES) / RANGES))
    least = edges[0]
    if least == seen.min():
        # An edge belongs to the range above it, so that the smallest value, of which
        # there is that much, would stand there with all up to the next edge.
        above = edges[1] if len(edges) > 1 else np.inf
        if ((seen > least) & (seen < above)).any():
            edges[0] = np.nextafter(least, np.inf)
    return edges


def quantile_of(
    values: pl.Series, edges: Float64[np.ndarray, " edges"]
) -> Int64[np.ndarray, " n"]:
    """Return the range of each number from 1 on; 0 where it is in none.

    Args:
        values: A column of numbers.
        edges: Where ranges end.
    """
    row = floats_with_nan(values)
    place = np.searchsorted(edges, row, side="right") + 1
    return np.where(np.isfinite(row), place, 0).astype(np.int64)


def standardised(values: pl.Series, known: int) -> Float32[np.ndarray, " n"]:
    """Return numbers less their mean, over their deviation; 0 where there is none.

    Args:
        values: A column of numbers.
        known: Of how many rows mean and deviation are.
    """
    row = floats_with_nan(values)
    there = np.isfinite(row)
    seen = row[:known][there[:known]]
    mean, deviation = (seen.mean(), seen.std()) if len(seen) else (0.0, 0.0)
    scaled = (np.where(there, row, mean) - mean) / (deviation if deviation > 0 else 1.0)
    return scaled.astype(np.float32)


def means_and_deviations(
    values: Float32[np.ndarray, "b k f"], present: Bool[np.ndarray, "b k"]
) -> Float32[np.ndarray, "2 f"]:
    """Return the mean and the deviation of each column, 1 where it is constant.

    Both are of what is present, of which a block at a time is copied.
    """
    total, count = np.zeros((2, values.shape[2])), max(int(present.sum()), 1)
    for part in _present_rows(values, present):
        total[0] += part.sum(axis=0, dtype=np.float64)
    mean = total[0] / count
    for part in _present_rows(values, present):
        total[1] += np.square(part - mean).sum(axis=0)
    scale = np.sqrt(total[1] / count)
    scale[scale < 1e-6] = 1.0
    return np.stack([mean, scale]).astype(np.float32)


def are_constant(
    values: Float32[np.ndarray, "b k f"], present: Bool[np.ndarray, "b k"]
) -> Bool[np.ndarray, " f"]:
    """Return which columns are one number wherever they are present."""
    parts = [part for part in _present_rows(values, present) if len(part)]
    least = np.min([part.min(axis=0) for part in parts], axis=0)
    return least == np.max([part.max(axis=0) for part in parts], axis=0)


def _present_rows(
    values: Float32[np.ndarray, "b k f"], present: Bool[np.ndarray, "b k"]
) -> Iterator[Float32[np.ndarray, "n f"]]:
    """Yield the rows that are present, some requests at a time."""
    for start, stop in blocks_of(len(values), values.shape[1]):
        yield values[start:stop][present[start:stop]]


def blocks_of(requests: int, candidates: int) -> Iterator[tuple[int, int]]:
    """Yield stretches of requests that have about ``CELLS`` candidates together."""
    size = max(1, CELLS // max(candidates, 1))
    for start in range(0, requests, size):
        yield start, min(requests, start + size)
