"""Lists made elsewhere, as a frame of users and items, judged like a model's."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from tidegraph.data.ids.identity import canonical
from tidegraph.data.ids.vocabulary import UNKNOWN, Vocabulary
from tidegraph.data.tables.opening import read_whole
from tidegraph.errors import DataError, did_you_mean
from tidegraph.stages import NO_ITEM

COLUMNS = ("user", "item", "rank", "score")


@dataclass(frozen=True, eq=False)
class GivenLists:
    """Lists of items by user, best first.

    Attributes:
        name: What messages call them.
        user: Raw id of the user of each entry; entries of one user stand together.
        item: Raw id of the item of each entry.
    """

    name: str
    user: pl.Series
    item: pl.Series

    @classmethod
    def of(cls, source: object, name: str) -> "GivenLists":
        """Read lists from a frame, an Arrow table, a mapping of columns or a file.

        ``rank`` orders a user's items if there is such a column, the smallest first;
        else ``score``, the largest first; else the order of the rows. Equal scores
        keep the order of the rows.

        Args:
            source: Columns ``user`` and ``item``, and perhaps ``rank`` or ``score``.
            name: What messages call them.

        Raises:
            DataError: A column is missing, an id is, a rank or score is no number, or
                a list names an item or a rank twice.
        """
        table = read_whole(source, ids=("user", "item"))
        where = f"the lists of {name}"
        for column in ("user", "item"):
            if column not in table.columns:
                raise DataError(
                    f"{where} have no column {column!r}."
                    f"{did_you_mean(column, table.columns)} They have: "
                    f"{', '.join(table.columns)}. Rename the column."
                )
        if not table.height:
            raise DataError(f"{where} have no row. Give a row per user and item.")
        rows = pl.DataFrame(
            {
                "user": _checked_ids(table["user"], where),
                "item": _checked_ids(table["item"], where),
                "row": np.arange(1, table.height + 1),
                "order": _order_of_rows(table, where),
            }
        )
        _refuse_duplicates(rows, "item", where)
        if "rank" in table.columns:
            _refuse_duplicates(rows, "order", where)
        rows = rows.sort("order", maintain_order=True)
        users = rows.group_by("user", maintain_order=True).agg("item").explode("item")
        return cls(name, users["user"], users["item"])

    def lists(
        self, user: pl.Series, items: Vocabulary, k: int
    ) -> tuple[Int32[np.ndarray, "b k"], list[str]]:
        """Return the list of each request, and what is to be said of them.

        An item that nobody knows keeps its place, as a miss.

        Args:
            user: Raw id of the user of each request.
            items: The ids of the rows to answer with.
            k: Length of the lists; ``NO_ITEM`` fills those that are shorter.
        """
        users = Vocabulary(user.unique(maintain_order=True))
        owner = users.encode(self.user)
        row = items.encode(self.item)
        place = _places_within_owner(owner)
        top = (owner != UNKNOWN) & (place < k)
        table = np.full((len(users), k), NO_ITEM, np.int32)
        table[owner[top], place[top]] = row[top]
        size = np.bincount(owner[owner != UNKNOWN], minlength=len(users))
        others = self.user.filter(pl.Series(owner == UNKNOWN)).n_unique()
        found = (
            (int((size == 0).sum()), "users without a list count as 0"),
            (int(((size > 0) & (size < k)).sum()), f"lists shorter than {k}"),
            (int((row[top] == UNKNOWN).sum()), "places of unknown items"),
            (others, "lists of users without a request"),
        )
        said = [f"{count:,} {what}" for count, what in found if count]
        notes = [f"{self.name}: {', '.join(said)}"] if said else []
        return table[users.encode(user)], notes


def are_lists(value: object) -> bool:
    """Return whether a value is a table or a path rather than a recommender."""
    if isinstance(value, str | os.PathLike | pl.DataFrame | pl.LazyFrame):
        return True
    if isinstance(value, Mapping):
        return "user" in value and "item" in value
    return hasattr(type(value), "columns") or hasattr(value, "__arrow_c_stream__")


def _checked_ids(values: pl.Series, where: str) -> pl.Series:
    ids = canonical(values)
    if ids.null_count():
        row = int(ids.is_null().arg_true()[0]) + 1
        raise DataError(
            f"{where}, row {row}: column {values.name!r} has no id. Drop the row."
        )
    return ids


def _order_of_rows(table: pl.DataFrame, where: str) -> pl.Series:
    """Return a number per row that rises from the best item of a list to the last."""
    column = next((name for name in ("rank", "score") if name in table.columns), None)
    if column is None:
        return pl.Series(np.arange(table.height), dtype=pl.Float64)
    values = table[column]
    plain = values.dtype == pl.String or values.dtype.is_numeric()
    numbers = values.cast(pl.Float64, strict=False) if plain else None
    bad = (
        np.ones(len(values), np.bool_)
        if numbers is None
        else ~numbers.is_finite().fill_null(False).to_numpy()
    )
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"{where}, row {row + 1}: the {column} is {values[row]!r}, not a finite "
            "number. Mend or drop the row."
        )
    ordered = cast(pl.Series, numbers)
    return ordered if column == "rank" else -ordered


def _refuse_duplicates(rows: pl.DataFrame, column: str, where: str) -> None:
    twice = rows.filter(pl.struct("user", column).is_duplicated())
    if not twice.height:
        return
    first: dict[str, Any] = twice.row(0, named=True)
    same = (pl.col("user") == first["user"]) & (pl.col(column) == first[column])
    one, other = twice.filter(same)["row"].head(2)
    what = f"rank {first[column]:g}" if column == "order" else f"item {first['item']!r}"
    raise DataError(
        f"{where} give user {first['user']!r} the {what} twice, in rows {one} and "
        f"{other}. Keep one."
    )


def _places_within_owner(owner: Int32[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Return how many entries of the same owner stand before each."""
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner - UNKNOWN)
    starts = np.cumsum(counts) - counts
    places = np.empty(len(owner), np.int64)
    places[order] = np.arange(len(owner)) - starts[owner[order] - UNKNOWN]
    return places
