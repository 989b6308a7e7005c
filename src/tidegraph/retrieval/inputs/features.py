"""The features of items as encoders get them."""

import numpy as np
import polars as pl

from tidegraph.config import did_you_mean
from tidegraph.data.ids.lookup import Lookup
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.errors import DataError
from tidegraph.nn.graph_inputs import NodeFeatures
from tidegraph.training.weights import tensor


def item_features(
    items: Vocabulary, columns: tuple[str, ...], users: int, known: int
) -> NodeFeatures:
    """Return what some columns say of every item; of users nothing.

    Numbers are less their mean, over their deviation; what is no number is a category.
    Both are learnt from the first ``known`` items, so that an item that comes later
    has the features it would have had: a category that none of those has is unknown.

    Args:
        items: All items, whether training has them or not.
        columns: Features.
        users: How many users come before them.
        known: How many items training has.

    Raises:
        DataError: The items have no such feature.
    """
    categories = [np.zeros((users + len(items), 0), np.int64)]
    numbers = [np.zeros((users + len(items), 0), np.float32)]
    sizes: list[int] = []
    for column in columns:
        if column not in items.features.columns:
            there = items.features.columns
            raise DataError(
                f"features={column!r} is no feature of items."
                f"{did_you_mean(column, there)} There are: "
                f"{', '.join(there) or 'none'}."
            )
        values = items.features[column]
        if values.dtype.is_numeric():
            row = _standard(values, known)
            numbers.append(np.concatenate([np.zeros(users, np.float32), row])[:, None])
        else:
            kinds = values[:known].drop_nulls().unique(maintain_order=True)
            row = Lookup(kinds).rows(values).astype(np.int64) + 1
            categories.append(np.concatenate([np.zeros(users, np.int64), row])[:, None])
            sizes.append(len(kinds) + 1)
    category = tensor(np.concatenate(categories, axis=1))
    return NodeFeatures(category, tuple(sizes), tensor(np.concatenate(numbers, axis=1)))


def _standard(values: pl.Series, known: int) -> np.ndarray:
    """Return numbers less their mean, over their deviation; 0 where there is none."""
    row = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    there = np.isfinite(row)
    seen = row[:known][there[:known]]
    mean, deviation = (seen.mean(), seen.std()) if len(seen) else (0.0, 0.0)
    scaled = (np.where(there, row, mean) - mean) / (deviation if deviation > 0 else 1.0)
    return scaled.astype(np.float32)
