"""What is known of users and items: one row per id, beside the log or in it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.data.ids.id_column import Coded, IdColumn
from tidegraph.data.ids.identity import Missing, NotAnIdError
from tidegraph.data.ids.missing import rows_with_ids
from tidegraph.data.ids.unknown import outside
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.log import Interactions
from tidegraph.data.origin import Origin, Rows, as_array
from tidegraph.data.tables.opening import named_columns, open_table, read_whole
from tidegraph.data.tables.table import Table
from tidegraph.data.text.dialect import Dialect
from tidegraph.errors import DataError, GuessedColumnWarning

NAMES = ("title", "product_type", "description", "name")
"""Feature columns that may name an item, the best first."""
CATEGORIES = ("product_category", "category", "genres", "type")
"""Feature columns that may group items, the best first."""


def with_feature_table(
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
    columns = named_columns(table.columns)
    if not columns:
        raise DataError(f"{table.name} has no named columns. Give an id and features.")
    name, wanted = table.name, key
    nameless = isinstance(table.form, Dialect) and not table.form.header
    # A place in a log without a header is none in this table.
    if key not in columns or (nameless and key.isdecimal()):
        key = columns[0]
        _refuse_ids_without_header(ids, key, table)
    features = read_whole(source, ids={key})
    if key != wanted and not nameless:
        _warn_first_column_taken(ids, features, wanted, name)
    rows: Rows = range(1, len(features) + 1)
    if missing == "drop":
        kept = rows_with_ids(features, (key,))
        features, rows = features.filter(kept), as_array(rows)[kept]
    keys = _ids_of_table(features[key], rows, name, missing)
    if not (ids.encode(keys) >= 0).any():
        raise DataError(
            f"no id of the log is in column {key!r} of {name}: it holds "
            f"{keys.first()!r}, the log {ids.ids.first()!r}. Name the column of ids "
            "as in the log."
        )
    known = ids.with_features(features.with_columns(keys.alias(key)), key)
    return _added_to_held(ids, known, name)


def _added_to_held(log: Vocabulary, table: Vocabulary, name: str) -> Vocabulary:
    """Return the ids of a table with its features beside those that the log holds."""
    held = log.extended(table.ids).features
    twice = set(held.columns) & set(table.features.columns)
    if twice:
        raise DataError(
            f"{min(twice)!r} is a column of {name} and one that the log is read with "
            "as a feature. Rename or leave out one."
        )
    columns = [*held.iter_columns(), *table.features.iter_columns()]
    return replace(table, features=pl.DataFrame(columns))


def _warn_first_column_taken(
    ids: Vocabulary, features: pl.DataFrame, wanted: str, name: str
) -> None:
    """Warn that the first column is taken for the ids.

    Raises:
        DataError: Another one holds more ids of the log, or as many and could be a key.
    """
    key, *others = features.columns
    held, there = _count_known_ids(ids, features[key]), len(ids)
    for other in others:
        found = _count_known_ids(ids, features[other])
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


def _count_known_ids(ids: Vocabulary, values: pl.Series) -> int:
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


def _refuse_ids_without_header(ids: Vocabulary, first: str, table: Table) -> None:
    """Refuse a text without a header, whose first row would be lost."""
    nameless = isinstance(table.form, Dialect) and not table.form.header
    if table.is_text and not nameless and ids.row(first) >= 0:
        raise DataError(
            f"{table.name} begins with {first!r}, an id of the log, so it has no "
            "header. Write one above, or pass the table as a frame."
        )


def _ids_of_table(
    spelt: pl.Series, rows: Rows, name: str, missing: Missing
) -> pl.Series:
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
            f"{rows[first]}, and row {rows[again]} with {spelt[again]!r}. Keep one; "
            "columns of the log itself are named by user_features= and item_features=."
        )
    return coded.ids.gather(pl.Series(coded.code))


@dataclass(frozen=True, eq=False)
class OfEach:
    """Features that columns of a log hold.

    Attributes:
        ids: The ids that occur, in any order.
        features: One row for each.
    """

    ids: pl.Series
    features: pl.DataFrame

    def added(self, ids: Vocabulary) -> Vocabulary:
        """Return the same ids, in their order, with their features."""
        if not self.features.width:
            return ids
        rows = np.argsort(ids.encode(self.ids))
        return replace(ids, features=self.features[rows])


def features_in_log(
    coded: Coded,
    table: pl.DataFrame,
    columns: Sequence[str],
    side: str,
    origin: Origin,
) -> OfEach:
    """Return what columns of a log say of each id, which is one value or nothing.

    Args:
        coded: The id of each event.
        table: Columns of the log, a row per event.
        columns: Those that are features.
        side: ``"user"`` or ``"item"``, for messages.
        origin: Where the events stand in the source.

    Raises:
        DataError: An id has two values.
    """
    code = np.unique(coded.code) if columns else np.zeros(0, np.int32)
    features = {
        column: _value_per_id(coded, table[column], side, origin).gather(code)
        for column in columns
    }
    return OfEach(coded.ids.gather(code), pl.DataFrame(features))


def _value_per_id(
    coded: Coded, values: pl.Series, side: str, origin: Origin
) -> pl.Series:
    """Return the value of each code, null where there is none."""
    events = pl.DataFrame({"code": coded.code, "value": values})
    events = events.with_row_index("row").drop_nulls("value")
    first = events.group_by("code").agg(pl.all().first())
    both = events.join(first, on="code", suffix="_first", maintain_order="left")
    other = both.filter(pl.col("value") != pl.col("value_first"))
    if len(other):
        row = other.row(0, named=True)
        raise DataError(
            f"{origin.name}, row {origin.row[row['row']]}: {side} "
            f"{coded.ids[row['code']]!r} has {values.name} {row['value']!r}, and "
            f"{row['value_first']!r} in row {origin.row[row['row_first']]}, but a "
            f"feature is one value for all time. Leave it out of {side}_features=, "
            "and carry it with context=."
        )
    codes = pl.DataFrame({"code": np.arange(len(coded.ids), dtype=np.int32)})
    joined = codes.join(first, on="code", how="left", maintain_order="left")
    return joined["value"].alias(values.name)


def feature_names(there: Sequence[str], side: str) -> str:
    """Return in a sentence which features there are, and where they come from."""
    return (
        f"There are: {', '.join(there) or 'none'}. Give a table of them with {side}s=, "
        f"or name columns of the log that hold some with {side}_features=."
    )


def first_feature_column(columns: tuple[str, ...], log: Interactions) -> str | None:
    """Return the first of some feature columns that items have, if there is one."""
    there = log.items.features.columns
    return next((column for column in columns if column in there), None)


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
    present = np.unique(codes)
    known = 0
    if ids.features.width:
        known = ids.features[present].select(pl.any_horizontal(pl.all().is_not_null()))
        known = int(known.to_series().sum())
    return Coverage(side, tuple(ids.features.columns), known, len(present))
