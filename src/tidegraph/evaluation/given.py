"""Lists that were made elsewhere, as a recommender that can be judged."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.data.ids import NotAnIdError, absent
from tidegraph.data.tables import read_whole
from tidegraph.data.vocabulary import UNKNOWN, Vocabulary
from tidegraph.errors import DataError
from tidegraph.evaluation.protocol import Task
from tidegraph.stages import NO_ITEM, Candidates, Requests

_IDS = ("user", "item")


@dataclass(frozen=True, eq=False)
class GivenLists:
    """Answers each user with the list that was given, whatever the time.

    Attributes:
        row: The list of each user of the graph, -1 for one that has none.
        item: A list per row, best first; ``NO_ITEM`` also stands for an unknown item.
        unknown_users: How many users of the lists are not in the log.
        unknown_items: How many entries of the lists name an item not in the log.
    """

    row: Int32[np.ndarray, " users"]
    item: Int32[np.ndarray, "lists n"]
    unknown_users: int
    unknown_items: int

    def retrieve(self, requests: Requests, k: int) -> Candidates:
        """Return the first ``k`` items given to each user, none where there is none."""
        item = np.full((len(requests), k), NO_ITEM, np.int32)
        width = min(k, self.item.shape[1])
        at = self._rows(requests)
        has = at >= 0
        item[has, :width] = self.item[at[has], :width]
        rank = np.arange(k, dtype=np.float32)
        score = np.where(item == NO_ITEM, np.float32(-np.inf), -rank)
        return Candidates.of_channel(item, score.astype(np.float32), "given")

    def note(self, name: str, task: Task) -> str:
        """Return what the lists lack of what is asked, in words."""
        users = np.unique(task.user.to_numpy()[self._rows(task.requests) < 0])
        return (
            f"{name}: {len(users):,} users without a list count as 0, "
            f"{self.unknown_users:,} unknown users, "
            f"{self.unknown_items:,} places of unknown items"
        )

    def _rows(self, requests: Requests) -> Int32[np.ndarray, " b"]:
        if not len(self.row):
            return np.full(len(requests), -1, np.int32)
        return np.where(requests.user < 0, -1, self.row[requests.user])


def is_lists(value: object) -> bool:
    """Return whether a mapping is a table of lists, and not models by name."""
    return not isinstance(value, Mapping) or all(column in value for column in _IDS)


def given_lists(
    source: object, name: str, users: Vocabulary, items: Vocabulary
) -> GivenLists:
    """Return the recommender that answers with the lists of a table.

    Args:
        source: A path, a frame, Arrow data or a mapping of columns, with ``user``,
            ``item`` and perhaps ``rank`` (1 is best) or ``score`` (the largest is
            best). Without either, and among equals, the order of rows counts.
        name: What the lists are, for messages.
        users: The users of the graph.
        items: The items that the test log and training know.

    Raises:
        DataError: A column is missing, a value is missing or no id, a rank or a score
            is no number, or a user's list names an item twice.
    """
    table = read_whole(source, text=_IDS)
    for column in _IDS:
        if column not in table.columns:
            raise DataError(
                f"{name}: there is no column {column!r} among "
                f"{', '.join(table.columns)}. Lists need the columns user and item, "
                "and rank or score unless the rows are in order."
            )
    ranked = table[_order(table, name)]
    user = _codes(ranked, "user", name, users)
    item = _codes(ranked, "item", name, items)
    known = user != UNKNOWN
    _check_once(ranked, user, item, name)
    owner, row = np.unique(user[known], return_inverse=True)
    by_user = np.argsort(row, kind="stable")
    length = np.bincount(row, minlength=len(owner))
    start = np.repeat(np.cumsum(length) - length, length)
    place = np.arange(len(row)) - start
    matrix = np.full((len(owner), int(length.max(initial=0))), NO_ITEM, np.int32)
    matrix[row[by_user], place] = item[known][by_user]
    of_user = np.full(len(users), -1, np.int32)
    of_user[owner] = np.arange(len(owner), dtype=np.int32)
    unknown = ranked["user"].filter(pl.Series(~known)).n_unique()
    return GivenLists(of_user, matrix, unknown, int((item == UNKNOWN).sum()))


def _order(table: pl.DataFrame, name: str) -> pl.Series:
    """Return the rows from best to worst; ties keep the order of rows."""
    for column, best_last in (("rank", False), ("score", True)):
        if column not in table.columns:
            continue
        value = table[column].cast(pl.Float64, strict=False).fill_nan(None)
        if value.null_count():
            row = int(value.is_null().arg_true()[0])
            raise DataError(
                f"{name}: {column} of row {row} is {table[column][row]!r}, which is "
                "no number. Give every row one, or drop the column."
            )
        key = -value if best_last else value
        return pl.Series(np.argsort(key.to_numpy(), kind="stable"))
    return pl.Series(np.arange(table.height))


def _codes(
    table: pl.DataFrame, column: str, name: str, vocabulary: Vocabulary
) -> Int32[np.ndarray, " n"]:
    values = table[column]
    none = absent(values, "keep")
    if none.any():
        raise DataError(f"{name}: a row has no {column}. Drop it or give it an id.")
    try:
        return vocabulary.encode(values)
    except NotAnIdError as error:
        raise DataError(f"{name}, column {column}: {error.reason}") from error


def _check_once(
    table: pl.DataFrame,
    user: Int32[np.ndarray, " n"],
    item: Int32[np.ndarray, " n"],
    name: str,
) -> None:
    """Refuse a list that names an item twice, which would count once or twice."""
    pairs = pl.DataFrame({"user": user, "item": item})
    known = (pairs["user"] != UNKNOWN) & (pairs["item"] != UNKNOWN)
    twice = pairs.is_duplicated() & known
    if twice.any():
        first = table.row(int(twice.arg_true()[0]), named=True)
        raise DataError(
            f"{name}: the list of user {first['user']!r} has item {first['item']!r} "
            "more than once. Keep its best place only."
        )
