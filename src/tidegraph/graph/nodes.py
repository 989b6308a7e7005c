"""The nodes of one type: ids that grow at the end, and what is known of each."""

from dataclasses import dataclass

import polars as pl

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.errors import DataError


@dataclass(frozen=True, eq=False)
class Nodes:
    """The nodes of one type.

    Attributes:
        vocabulary: Raw ids and features, in row order.
        key: Name of the id column.
    """

    vocabulary: Vocabulary
    key: str

    def __len__(self) -> int:
        return len(self.vocabulary)

    def updated(self, new: Vocabulary, key: str) -> Vocabulary:
        """Return these ids and new ones, whose features take the place of theirs.

        Raises:
            DataError: The key is another one.
        """
        if self.key != key:
            raise DataError(
                f"the nodes have the key {self.key!r}, not {key!r}. Use that."
            )
        whole, rows = self.vocabulary.with_rows(new.ids)
        features = whole.features
        if not features.width:
            features = pl.DataFrame({key: whole.ids}).drop(key)
        for column in new.features.iter_columns():
            if column.name in features.columns:
                values = features[column.name]
                column = column.cast(values.dtype)
            else:
                values = pl.Series(column.name, [None] * len(whole), dtype=column.dtype)
            features = features.with_columns(values.scatter(rows, column))
        return Vocabulary(whole.ids, features, whole.lookup)
