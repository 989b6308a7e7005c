"""How alike the items of a list are, by what they share or by their vectors."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32, Int64

from tidegraph.arguments import no_unknown
from tidegraph.artifact.sealed import State
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.views.feature_column import (
    check_categories,
    feature_of_nodes,
    null_if_not_finite,
    tags_of,
)
from tidegraph.errors import DataError
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.ragged import starts
from tidegraph.stages import Fold, Train


@no_unknown
@dataclass(frozen=True, eq=False)
class ItemEmbedding:
    """A vector per item, for a re-ranker's ``by``.

    Attributes:
        vectors: Row i is item i of the training log's vocabulary, of any length; items
            beyond the last row, and rows of zeros, are like no other.
    """

    vectors: Float32[np.ndarray, "items width"]


@runtime_checkable
class Similarity(Protocol):
    """Says how alike items are, from -1 to 1; an item is like itself by 1."""

    def between(self, item: Int32[np.ndarray, "b n"]) -> Float32[np.ndarray, "b n n"]:
        """Return the similarity of every two items of each row.

        A place without an item, and an item that training did not know, is like no
        other.
        """
        ...

    def state(self) -> State:
        """Return what a file needs to hold."""
        ...


@dataclass(frozen=True, eq=False)
class SharedTags:
    """Similarity as the share of tags that two items have in common (Jaccard).

    With one tag each, that is 1 for the same category and 0 for another. Items without
    a tag are like no other.

    Attributes:
        ptr: Where each item's tags start.
        tag: Numbers of tags, increasing within an item.
    """

    ptr: Int64[np.ndarray, " starts"]
    tag: Int32[np.ndarray, " entries"]

    @classmethod
    def of_column(cls, column: pl.Series) -> "SharedTags":
        """Take the distinct values of each row of a column, or of its lists."""
        row, tag = tags_of(column)
        return cls(starts(np.bincount(row, minlength=len(column))), tag)

    def between(self, item: Int32[np.ndarray, "b n"]) -> Float32[np.ndarray, "b n n"]:
        """Return the Jaccard similarity of every two items of each row."""
        out = np.empty((*item.shape, item.shape[1]), np.float32)
        over_rows(
            lambda a, b: _write_jaccard(self.ptr, self.tag, item, out, a, b),
            len(item),
            grain=8,
        )
        return out

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(kind="SharedTags", arrays={"ptr": self.ptr, "tag": self.tag})

    @classmethod
    def from_state(cls, state: State) -> "SharedTags":
        """Rebuild from what ``state`` returned."""
        return cls(state.arrays["ptr"], state.arrays["tag"])


@dataclass(frozen=True, eq=False)
class Cosines:
    """Similarity as the cosine of two items' vectors.

    Attributes:
        unit: A vector per item, of length 1 or 0.
    """

    unit: Float32[np.ndarray, "items width"]

    @classmethod
    def of(cls, embedding: ItemEmbedding) -> "Cosines":
        """Scale every vector to length 1."""
        length = np.linalg.norm(embedding.vectors, axis=1, keepdims=True)
        return cls(embedding.vectors / np.where(length > 0, length, np.float32(1)))

    def between(self, item: Int32[np.ndarray, "b n"]) -> Float32[np.ndarray, "b n n"]:
        """Return the cosine of every two items of each row."""
        out = np.empty((*item.shape, item.shape[1]), np.float32)
        over_rows(
            lambda a, b: _write_cosines(self.unit, item, out, a, b), len(item), grain=8
        )
        return out

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(kind="Cosines", arrays={"unit": self.unit})

    @classmethod
    def from_state(cls, state: State) -> "Cosines":
        """Rebuild from what ``state`` returned."""
        return cls(state.arrays["unit"])


def similarity(
    train: Train, by: str | ItemEmbedding, method: str
) -> SharedTags | Cosines:
    """Return how alike the items of a log are.

    Args:
        train: Its item features are read.
        by: A feature column of text, whole numbers, dates, truth values or lists of
            those; or an embedding.
        method: Name of the caller, for the error message.

    Raises:
        DataError: There is no such column, its values are not categories, no two items
            share one, or the embedding does not fit the items.
    """
    check_similarity(train, by, method)
    if isinstance(by, ItemEmbedding):
        return Cosines.of(by)
    return SharedTags.of_column(_item_vocabulary(train).features[by])


def check_similarity(train: Train, by: str | ItemEmbedding, method: str) -> None:
    """Raise what ``similarity`` would raise, before anything is computed."""
    items = _item_vocabulary(train)
    if isinstance(by, ItemEmbedding):
        _check_embedding(by, len(items), method)
    else:
        called = f"by={by!r} of {method}"
        tags = feature_of_nodes(items, by, "item", called, several=True)
        check_categories(tags, called, ", or pass vectors as ItemEmbedding")
        _check_shared(tags, by, called)


def _item_vocabulary(train: Train) -> Vocabulary:
    return train.log.items if isinstance(train, Fold) else train.items


def _check_shared(column: pl.Series, by: str, called: str) -> None:
    tags = null_if_not_finite(column).drop_nulls()
    if isinstance(tags.dtype, pl.List | pl.Array):
        # A value that is twice in one list is shared with no other item.
        tags = pl.Series(tags_of(column)[1])
    if len(column) > 1 and not tags.is_duplicated().any():
        raise DataError(
            f"{called}: no two items share a value of {by!r}, so none are alike and "
            "every list would stay as it is. Name a column of categories, or pass "
            "vectors as ItemEmbedding."
        )


def _check_embedding(embedding: ItemEmbedding, items: int, method: str) -> None:
    rows = len(embedding.vectors)
    if rows > items:
        raise DataError(
            f"{method} got an embedding of {rows} rows for {items} items. Give one row "
            "per item, in the order of the log's item vocabulary."
        )
    broken = np.argwhere(~np.isfinite(embedding.vectors))
    if len(broken):
        raise DataError(
            f"{method} got an embedding whose row {broken[0, 0]} is not finite. "
            "Replace it by zeros, which are like no other item."
        )


@compiled
def _write_jaccard(
    ptr: np.ndarray,
    tag: np.ndarray,
    item: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    n = item.shape[1]
    for row in range(first, last):
        for a in range(n):
            out[row, a, a] = 1
            i = int(item[row, a])
            known = 0 <= i < ptr.size - 1
            for b in range(a):
                j = int(item[row, b])
                share = np.float32(0)
                if known and 0 <= j < ptr.size - 1:
                    share = _jaccard_of_pair(ptr, tag, i, j)
                out[row, a, b] = share
                out[row, b, a] = share


@compiled
def _jaccard_of_pair(ptr: np.ndarray, tag: np.ndarray, i: int, j: int) -> np.float32:
    a, b = ptr[i], ptr[j]
    a_end, b_end = ptr[i + 1], ptr[j + 1]
    total, both = a_end - a + b_end - b, 0
    while a < a_end and b < b_end:
        if tag[a] == tag[b]:
            both += 1
            a += 1
            b += 1
        elif tag[a] < tag[b]:
            a += 1
        else:
            b += 1
    if both == 0:
        return np.float32(0)
    return np.float32(both / (total - both))


@compiled
def _write_cosines(
    unit: np.ndarray, item: np.ndarray, out: np.ndarray, first: int, last: int
) -> None:
    n, width = item.shape[1], unit.shape[1]
    # One row per dimension, so that the inner loop runs over neighbouring numbers.
    turned = np.empty((width, n), np.float32)
    for row in range(first, last):
        for a in range(n):
            i = item[row, a]
            for d in range(width):
                turned[d, a] = unit[i, d] if 0 <= i < len(unit) else 0
        sums = out[row]
        sums[:] = 0
        for d in range(width):
            for a in range(n):
                x = turned[d, a]
                for b in range(n):
                    sums[a, b] += x * turned[d, b]
        for a in range(n):
            sums[a, a] = 1
