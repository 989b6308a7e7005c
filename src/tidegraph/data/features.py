"""Tables of what is known of users and items beside the log, one row per id."""

import polars as pl

from tidegraph.data.tables import open_table, read_whole
from tidegraph.data.vocabulary import Vocabulary
from tidegraph.errors import DataError


def featured(ids: Vocabulary, source: object, key: str) -> Vocabulary:
    """Add the columns of a feature table, and the ids that only it holds."""
    with open_table(source) as table:
        if not table.columns:
            raise DataError(f"{table.name} has no columns. Give an id and features.")
        key = key if key in table.columns else table.columns[0]
        name = table.name
    features = read_whole(source, text={key})
    keys = features[key].cast(ids.ids.dtype, strict=False)
    if keys.null_count() > features[key].null_count():
        # An id such as "x7" in the table makes all ids text.
        ids = Vocabulary(ids.ids.cast(pl.String))
        keys = features[key].cast(pl.String)
    if not keys.is_in(ids.ids.implode()).any():
        raise DataError(
            f"no id of the log is in column {key!r} of {name}: it holds "
            f"{keys.first()!r}, the log {ids.ids.first()!r}. Name the column of ids "
            "as in the log."
        )
    try:
        return ids.with_features(features.with_columns(keys.alias(key)), key)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
