"""The columns of a table that a log is read without."""

from contextlib import closing
from dataclasses import dataclass

import numpy as np

from tidegraph.data.reading import Reading
from tidegraph.data.tables.build import read_labels
from tidegraph.data.tables.opening import from_table, named_columns
from tidegraph.data.tables.table import Table
from tidegraph.data.tables.values import without_objects
from tidegraph.errors import DataError

_LABEL = "label"


@dataclass(frozen=True)
class Unread:
    """Columns of a table that a log is read without.

    Attributes:
        columns: Their names.
        label: Is one called ``label``, and holds 0 and 1?
    """

    columns: tuple[str, ...]
    label: bool

    def text(self) -> str:
        """Return in a sentence that labels are not read; empty where none are there."""
        if not self.label:
            return ""
        return (
            f"a column {_LABEL!r} of 0 and 1 is not read, so every row is an action: "
            "name it with label="
        )


def unread_columns(source: object, reading: Reading) -> Unread:
    """Return the columns of a table that a log is read without.

    Args:
        source: A path, or anything else that ``read`` takes.
        reading: How the log is read.
    """

    def left(table: Table) -> Unread:
        used = {table.column(reference) for reference in reading.needed}
        columns = tuple(c for c in named_columns(table.columns) if c not in used)
        return Unread(columns, columns.count(_LABEL) == 1 and _holds_labels(table))

    return from_table(source, left, reading.format.text(), reading.needed)


def _holds_labels(table: Table) -> bool:
    seen, held = 0, set[int]()
    with closing(table.batches([_LABEL])) as batches:
        for batch in batches:
            batch = without_objects(batch, as_text=table.is_text)
            rows = range(seen + 1, seen + 1 + len(batch))
            try:
                held.update(np.unique(read_labels(batch[_LABEL], "", rows)).tolist())
            except DataError:
                return False
            seen += len(batch)
    return held == {0, 1}
