"""Tables of what is known of users and items beside the log, one row per id."""

import warnings
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.data.ids.id_column import IdColumn
from tidegraph.data.ids.identity import Missing, NotAnIdError
from tidegraph.data.ids.missing import with_ids
from tidegraph.data.ids.unknown import outside
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.log import Interactions
from tidegraph.data.origin import Rows, as_array
from tidegraph.data.tables.opening import named, open_table, read_whole
from tidegraph.data.tables.table import Table
from tidegraph.data.text.dialect import Dialect
from tidegraph.errors import DataError, GuessedColumnWarning


def featured(
    ids: Vocabulary, source: object, key: str, missing: Missing = "refuse"
) -> Vocabulary:
    """Add the columns of a feature table, and the ids that only it holds.

    A column without a name, such as the row numbers that pandas writes, is passed over.

    Args:
        ids: The ids of the log.
        source: A path or a frame with one row per id.
        key: Its column of ids; the first one, with a warning, if none is called so.
        missing: What is done with rows that lack an id, as in the log.

    Raises:
        DataError: The table cannot be read, an id is missing or stands twice, none is
            in the log, or another column than the first may be that of the ids.
    """
    table = open_table(source)
    columns = named(table.columns)
    if not columns:
        raise DataError(f"{table.name} has no named columns. Give an id and features.")
    name, wanted = table.name, key
    nameless = isinstance(table.form, Dialect) and not table.form.header
    # A place in a log without a header is none in this table.
    if key not in columns or (nameless and key.isdecimal()):
        key = columns[0]
        _refuse_id(ids, key, table)
    features = read_whole(source, ids={key})
    if key != wanted and not nameless:
        _take_first(ids, features, wanted, name)
    rows: Rows = range(1, len(features) + 1)
    if missing == "drop":
        kept = with_ids(features, (key,))
        features, rows = features.filter(kept), as_array(rows)[kept]
    keys = _keys(features[key], rows, name, missing)
    if not (ids.encode(keys) >= 0).any():
        raise DataError(
            f"no id of the log is in column {key!r} of {name}: it holds "
            f"{keys.first()!r}, the log {ids.ids.first()!r}. Name the column of ids "
            "as in the log."
        )
    return ids.with_features(features.with_columns(keys.alias(key)), key)


def _take_first(
    ids: Vocabulary, features: pl.DataFrame, wanted: str, name: str
) -> None:
    """Warn that the first column is taken for the ids.

    Raises:
        DataError: Another one holds more ids of the log, or as many and could be a key.
    """
    key, *others = features.columns
    held, there = _held(ids, features[key]), len(ids)
    for other in others:
        found = _held(ids, features[other])
        is_key = features[other].n_unique() == len(features)
        if found > held or (found == held > 0 and is_key):
            raise DataError(
                f"{name} has no column {wanted!r}, and of the log's {there:,} ids "
                f"{held:,} stand in its first column, {key!r}, and {found:,} in "
                f"{other!r}. Call the column of ids {wanted!r}, as in the log."
            )
    if held:
        warnings.warn(
            f"{name} has no column {wanted!r}, so its first, {key!r}, is taken for "
            f"the ids: it holds {held:,} of the log's {there:,}. Call the column of "
            f"ids {wanted!r}, as in the log.",
            GuessedColumnWarning,
            stacklevel=outside(),
        )


def _held(ids: Vocabulary, values: pl.Series) -> int:
    """Return how many ids stand in a column, which may be none of ids."""
    if values.dtype.is_nested():
        return 0
    # What polars keeps as objects of Python it cannot compare.
    different = values if values.dtype == pl.Object else values.unique()
    try:
        rows = ids.encode(different)
    except NotAnIdError:
        return 0
    return len(np.unique(rows[rows >= 0]))


def _refuse_id(ids: Vocabulary, first: str, table: Table) -> None:
    """Refuse a text without a header, whose first row would be lost."""
    nameless = isinstance(table.form, Dialect) and not table.form.header
    if table.is_text and not nameless and ids.row(first) >= 0:
        raise DataError(
            f"{table.name} begins with {first!r}, an id of the log, so it has no "
            "header. Write one above, or pass the table as a frame."
        )


def _keys(spelt: pl.Series, rows: Rows, name: str, missing: Missing) -> pl.Series:
    """Return the canonical ids of a table, all there and all different."""
    column = IdColumn(spelt.name, name, missing)
    column.add(spelt, rows)
    coded = column.finish()
    if len(coded.ids) < len(spelt):
        code = pl.Series(coded.code)
        again = int((~code.is_first_distinct()).arg_true()[0])
        first = int((code == code[again]).arg_true()[0])
        raise DataError(
            f"{name} has several rows for {spelt.name} {spelt[first]!r}: row "
            f"{rows[first]}, and row {rows[again]} with {spelt[again]!r}. Keep one."
        )
    return coded.ids.gather(pl.Series(coded.code))


@dataclass(frozen=True)
class Coverage:
    """How much is known of one side of a log.

    Attributes:
        side: ``"user"`` or ``"item"``.
        columns: Its features.
        known: How many ids with an event have a value in one of them.
        ids: How many ids have an event.
    """

    side: str
    columns: tuple[str, ...]
    known: int
    ids: int

    def text(self) -> str:
        """Return it in words."""
        names = ", ".join(self.columns)
        return (
            f"{self.side} features ({names}): {self.known:,} of {self.ids:,} "
            f"{self.side}s with events have some"
        )


def coverage(log: Interactions) -> tuple[Coverage, ...]:
    """Return how much is known of each side that has features."""
    sides = (
        _coverage_of("user", log.users, log.user),
        _coverage_of("item", log.items, log.item),
    )
    return tuple(side for side in sides if side.columns)


def _coverage_of(
    side: str, ids: Vocabulary, codes: Int32[np.ndarray, " n"]
) -> Coverage:
    met = np.unique(codes)
    known = 0
    if ids.features.width:
        known = ids.features[met].select(pl.any_horizontal(pl.all().is_not_null()))
        known = int(known.to_series().sum())
    return Coverage(side, tuple(ids.features.columns), known, len(met))
