"""Which items may be answered: for all requests alike, or for each user."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from tidegraph.arguments import LEFT_OUT
from tidegraph.data.ids.identity import series
from tidegraph.data.ids.unknown import known_rows, outside, said_of
from tidegraph.data.ids.vocabulary import UNKNOWN, Vocabulary
from tidegraph.data.tables.frames import frame_table
from tidegraph.errors import RequestError, UnknownIdWarning
from tidegraph.graph.query.filters import holds
from tidegraph.kernels.ragged import starts
from tidegraph.stages import ItemSets, Requests

Items = object
"""A list of item ids; a polars condition on the features of items and ``item``, their
ids; or, for each user, a mapping of user ids to lists or a frame with the columns
``user`` and ``item``."""

BLOCK = 1024
_PASSED_OVER = "passed over"
_CELLS = 1 << 23


@dataclass(frozen=True, eq=False)
class Filter:
    """Rows of items, the same for every request or some for each.

    Attributes:
        ptr: Where the items of each request start; none if all have the same.
        item: Rows of items.
        named: Raw ids of the users that it names; none if all have the same.
    """

    ptr: Int64[np.ndarray, " starts"] | None
    item: Int32[np.ndarray, " entries"]
    named: pl.Series | None = None

    def rows(self, start: int, stop: int) -> ItemSets:
        """Return the items of some consecutive requests."""
        if self.ptr is not None:
            return ItemSets(self.ptr, self.item).rows(start, stop)
        count = stop - start
        ptr = np.arange(count + 1, dtype=np.int64) * len(self.item)
        return ItemSets(ptr, np.tile(self.item, count))


@dataclass(frozen=True, eq=False)
class Filters:
    """What the answers to some requests may hold.

    Attributes:
        only: Items that may be answered; none if all may.
        exclude: Items that may not be answered; none if all may.
        num_items: How many items there are.
    """

    only: Filter | None
    exclude: Filter | None
    num_items: int

    @classmethod
    def read(
        cls, only: Items, exclude: Items, users: pl.Series | None, items: Vocabulary
    ) -> "Filters":
        """Read filters as callers write them.

        Args:
            only: Items that may be answered; ``LEFT_OUT`` if all may.
            exclude: Items that may not be answered; None if all may.
            users: The users that requests are made for; None for one without an id.
            items: The items there are; ids it does not hold are passed over.

        Raises:
            RequestError: A filter for each user is given for a request without a user.
        """
        return cls(
            None if only is LEFT_OUT else _read_filter(only, "only", users, items),
            None if exclude is None else _read_filter(exclude, "exclude", users, items),
            len(items),
        )

    @property
    def any(self) -> bool:
        """Is any item limited or excluded?"""
        return self.only is not None or self.exclude is not None

    def unnamed(self, users: pl.Series) -> pl.Series:
        """Return the users for whom ``only`` names no item, since it names others."""
        named = None if self.only is None else self.only.named
        return users.clear() if named is None else _ids_missing_from(users, named)

    def of_users(self, users: pl.Series) -> "Filters":
        """Return the same, warning of users that one names and nobody asks for."""
        for what, one in (("only", self.only), ("exclude", self.exclude)):
            others = None if one is None or one.named is None else one.named
            others = None if others is None else _ids_missing_from(others, users)
            if others is None or not len(others):
                continue
            so = f"named by {what}= and not asked for"
            text = said_of("user", others, f"is {so}", f"are {so}", _PASSED_OVER)
            warnings.warn(text, UnknownIdWarning, stacklevel=outside())
        return self

    def blocks(self, requests: Requests) -> Iterator[Requests]:
        """Return all requests a few at a time, which bounds memory, and filtered."""
        size = BLOCK
        if self.only is not None:
            size = max(1, min(BLOCK, _CELLS // max(1, self.num_items)))
        for start in range(0, max(1, len(requests)), size):
            yield self.applied(requests.rows(start, start + size), start)

    def applied(self, requests: Requests, start: int) -> Requests:
        """Return the block of all requests that begins at ``start``, filtered."""
        stop = start + len(requests)
        if self.exclude is not None:
            requests = requests.excluding(self.exclude.rows(start, stop))
        if self.only is not None:
            requests = requests.choosing(self.only.rows(start, stop))
        return requests


def _read_filter(
    value: object, what: str, users: pl.Series | None, items: Vocabulary
) -> Filter:
    if isinstance(value, pl.Expr):
        return Filter(None, _rows_where(value, what, items))
    pairs = _user_item_pairs(value, what)
    if pairs is None:
        ids = series(value, what)
        return Filter(None, _known_items(known_rows(items, ids, "item", _PASSED_OVER)))
    if users is None:
        raise RequestError(
            f"{what} names items for each user, but the request has a history and no "
            f"user. Pass {what} as a list of item ids."
        )
    named, wanted = pairs
    row = known_rows(items, wanted, "item", _PASSED_OVER)
    groups = Vocabulary(named.unique(maintain_order=True))
    group = groups.encode(named)[row != UNKNOWN]
    row = row[row != UNKNOWN]
    row = row[np.argsort(group, kind="stable")]
    size = np.append(np.bincount(group, minlength=len(groups)), 0)
    first = starts(size)
    mine = groups.encode(users)  # -1 is the last group, which is empty.
    ptr = starts(size[mine])
    place: np.ndarray = np.arange(int(ptr[-1])) - np.repeat(
        ptr[:-1] - first[mine], size[mine]
    )
    return Filter(ptr, row[place], groups.ids)


def _rows_where(
    condition: pl.Expr, what: str, items: Vocabulary
) -> Int32[np.ndarray, " n"]:
    """Return the items for which a condition holds; where it is unknown it does not.

    Raises:
        RequestError: It asks for a column that items do not have, or does not fit.
    """
    table = items.features
    if "item" not in table.columns:
        table = pl.DataFrame([items.ids.alias("item"), *table.iter_columns()])
    strange = [name for name in condition.meta.root_names() if name not in table]
    if strange:
        raise RequestError(
            f"{what} asks for {strange[0]!r}, which no item has; they have: "
            f"{', '.join(table.columns)}. Train with a table of items that has it."
        )
    return np.flatnonzero(holds(table, condition, None)).astype(np.int32)


def _ids_missing_from(some: pl.Series, others: pl.Series) -> pl.Series:
    """Return the ids of one column that are not in another."""
    return some.filter(pl.Series(Vocabulary(others).encode(some) == UNKNOWN))


def _known_items(rows: Int32[np.ndarray, " n"]) -> Int32[np.ndarray, " known"]:
    return rows[rows != UNKNOWN]


def _user_item_pairs(value: object, what: str) -> tuple[pl.Series, pl.Series] | None:
    """Return users and items of the same length, none if no user is named."""
    if isinstance(value, Mapping):
        given = cast(Mapping[object, object], value)
        users = series(list(given), f"{what} (its users)")
        lists = [
            series(ids, f"{what}[{user!r}]").cast(pl.String)
            for user, ids in given.items()
        ]
        counts = pl.Series([len(ids) for ids in lists], dtype=pl.UInt32)
        each = pl.DataFrame({"user": users, "count": counts})
        repeated = each.select(pl.col("user").repeat_by("count")).explode("user")
        wanted = pl.concat([pl.Series([], dtype=pl.String), *lists])
        return repeated["user"].drop_nulls(), wanted
    if not hasattr(type(value), "columns"):
        return None
    table = frame_table(value)
    for column in ("user", "item"):
        if column not in table.columns:
            raise RequestError(
                f"{what} is a frame without the column {column!r}; it has: "
                f"{', '.join(table.columns)}. Name its columns user and item."
            )
    frame = pl.DataFrame(cast(pl.DataFrame, value)).select("user", "item")
    return series(frame["user"], f"{what} user"), series(frame["item"], f"{what} item")
