"""Columns that can be read in batches, wherever they come from."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import polars as pl

from tidegraph.data.text.dialect import Dialect, FileForm
from tidegraph.errors import DataError, did_you_mean

BATCH_ROWS = 50_000
Batches = Generator[pl.DataFrame, None, None]
"""To be closed by who stops early: a database waits for an open result."""
_USUAL = {
    2: ("user", "item"),
    3: ("user", "item", "time"),
    4: ("user", "item", "rating", "time"),
}
"""What the columns of a file without a header often are, by their number."""


@dataclass(frozen=True)
class Table:
    """Columns that can be read in batches.

    Attributes:
        name: What messages call it.
        columns: Names of all its columns.
        is_text: Whether types have to be found out from text.
        batches: Yields the named columns in row order, as text where the file is text.
        form: How the file is written; none if it is no file.
    """

    name: str
    columns: tuple[str, ...]
    is_text: bool
    batches: Callable[[Sequence[str]], Batches]
    form: Dialect | FileForm | None = None

    def column(self, reference: str, setting: str = "context") -> str:
        """Return the column of a name, or of a place if the file names none.

        Args:
            reference: Its name or place.
            setting: Which setting of the reader names it.

        Raises:
            DataError: There is no such column.
        """
        if reference in self.columns:
            return reference
        nameless = isinstance(self.form, Dialect) and not self.form.header
        if nameless and reference.isdecimal():
            place = int(reference)
            if 1 <= place <= len(self.columns):
                return self.columns[place - 1]
        raise DataError(
            f"{self.name} has no column {reference!r}."
            f"{did_you_mean(reference, self.columns)} It has: {shown(self.columns)}"
            f"{self._as_read(setting)}."
        )

    def _as_read(self, setting: str) -> str:
        """Say how a column is named, and how a file was read if that may be wrong."""
        named = f"name it with {setting}="
        if not isinstance(self.form, Dialect):
            return f"; {named}"
        if len(self.columns) == 1:
            return " (no separator was found in it; say sep= if there is one)"
        mend = f"{named}, or say sep=, header= or names= if it was read wrongly"
        if not self.form.header:
            names = _USUAL.get(len(self.columns), ("user", "item", "..."))
            mend = (
                f"name its columns, such as names={list(names)}, or give their places, "
                "such as user=1"
            )
        return f" ({self.form}; {mend})"


def shown(columns: Sequence[str]) -> str:
    """Return some names for a message; control characters could move the cursor."""
    shown = [name if name.isprintable() else repr(name) for name in columns[:20]]
    return ", ".join([*shown, "..."] if len(columns) > 20 else shown) or "none"
