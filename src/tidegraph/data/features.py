"""Tables of what is known of users and items beside the log, one row per id."""

import polars as pl

from tidegraph.data.ids.id_column import IdColumn
from tidegraph.data.ids.identity import Missing
from tidegraph.data.ids.missing import with_ids
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.origin import Rows, as_array
from tidegraph.data.tables.opening import open_table, read_whole
from tidegraph.data.tables.table import Table
from tidegraph.data.text.dialect import Dialect
from tidegraph.errors import DataError


def featured(
    ids: Vocabulary, source: object, key: str, missing: Missing = "refuse"
) -> Vocabulary:
    """Add the columns of a feature table, and the ids that only it holds.

    Args:
        ids: The ids of the log.
        source: A path or a frame with one row per id.
        key: Its column of ids; the first one if there is none of this name.
        missing: What is done with rows that lack an id, as in the log.

    Raises:
        DataError: The table cannot be read, an id is missing or stands twice, or none
            is in the log.
    """
    table = open_table(source)
    if not table.columns:
        raise DataError(f"{table.name} has no columns. Give an id and features.")
    name = table.name
    if key not in table.columns:
        key = table.columns[0]
        _refuse_id(ids, key, table)
    features = read_whole(source, ids={key})
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
