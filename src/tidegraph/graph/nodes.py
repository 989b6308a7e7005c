"""The nodes of one type: ids that grow at the end, and what is known of each."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.tables.retyped import retyped
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
            DataError: The key is another one, or a feature cannot be of the type that
                it has uncut.
        """
        if self.key != key:
            raise DataError(
                f"the nodes have the key {self.key!r}, not {key!r}. Use that."
            )
        whole, rows = self.vocabulary.with_rows(new.ids)
        # A node's value stands in its row, or behind all rows if a new one is given.
        place = np.arange(len(whole))
        place[rows] = len(whole) + np.arange(len(rows))
        columns = {column.name: column for column in whole.features.iter_columns()}
        for column in new.features.iter_columns():
            held = columns.get(column.name)
            if held is None or held.dtype == pl.Null:
                held = column.clear(len(whole))
            column = retyped(column, held, "the new nodes")
            columns[column.name] = pl.concat([held, column]).gather(place)
        return Vocabulary(whole.ids, pl.DataFrame(columns), whole.lookup)
