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
    number = [np.zeros((users + len(items), 0), np.float32)]
    code = [np.zeros((users + len(items), 0), np.int64)]
    sizes: list[int] = []
    for column in columns:
        values = _column(items, column)
        if values.dtype.is_numeric():
            number.append(_below(users, _standard(values, known)))
        else:
            kinds, row = _coded(values, known)
            code.append(_below(users, row))
            sizes.append(kinds + 1)
    category = tensor(np.concatenate(code, axis=1))
    return NodeFeatures(category, tuple(sizes), tensor(np.concatenate(number, axis=1)))


def item_categories(
    items: Vocabulary, columns: tuple[str, ...], users: int, known: int
) -> NodeFeatures:
    """Return some columns of every item, each a category; see ``item_features``.

    Raises:
        DataError: The items have no such feature, it is a number with a fraction, or it
            does not tell any two of the first ``known`` items apart.
    """
    code: list[np.ndarray] = []
    sizes: list[int] = []
    for column in columns:
        values = _column(items, column)
        if values.dtype.is_float() or values.dtype.is_decimal():
            raise DataError(
                f"{column!r} is a number with a fraction, and side information is of "
                "categories. Cut it into ranges first, or leave it out."
            )
        kinds, row = _coded(values, known)
        if kinds < 2:
            only = repr(values[:known].drop_nulls().first()) if kinds else "nothing"
            raise DataError(
                f"{column!r} is {only} for every item of training that has it, and "
                "tells no two apart. Leave it out."
            )
        code.append(_below(users, row))
        sizes.append(kinds + 1)
    category = tensor(np.concatenate(code, axis=1))
    none = tensor(np.zeros((len(category), 0), np.float32))
    return NodeFeatures(category, tuple(sizes), none)


def _column(items: Vocabulary, column: str) -> pl.Series:
    """Return a feature of all items, or say that there is none."""
    there = items.features.columns
    if column not in there:
        raise DataError(
            f"{column!r} is no feature of items.{did_you_mean(column, there)} There "
            f"are: {', '.join(there) or 'none'}."
        )
    return items.features[column]


def _coded(values: pl.Series, known: int) -> tuple[int, np.ndarray]:
    """Return how many kinds the known rows have, and the kind of each row from 1 on."""
    kinds = values[:known].drop_nulls().unique(maintain_order=True)
    return len(kinds), Lookup(kinds).rows(values).astype(np.int64) + 1


def _below(users: int, row: np.ndarray) -> np.ndarray:
    """Return a column of what is known of items, below zeros for users."""
    return np.concatenate([np.zeros(users, row.dtype), row])[:, None]


def _standard(values: pl.Series, known: int) -> np.ndarray:
    """Return numbers less their mean, over their deviation; 0 where there is none."""
    row = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    there = np.isfinite(row)
    seen = row[:known][there[:known]]
    mean, deviation = (seen.mean(), seen.std()) if len(seen) else (0.0, 0.0)
    scaled = (np.where(there, row, mean) - mean) / (deviation if deviation > 0 else 1.0)
    return scaled.astype(np.float32)
