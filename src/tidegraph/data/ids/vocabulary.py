"""Raw ids to row numbers and back, with one row of features per id."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.artifact.sealed import State
from tidegraph.data.context import NO_COLUMNS
from tidegraph.data.ids.appending import appended, numbered
from tidegraph.data.ids.identity import canonical, series
from tidegraph.data.ids.lookup import UNKNOWN, Lookup, gathered
from tidegraph.data.tables.packed import packed
from tidegraph.errors import DataError


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The ids of one kind of node, in row order.

    Attributes:
        ids: Raw ids, all different; the place of an id is its row. None is missing but
            those that were erased.
        features: One row per id, in the same order; no columns if nothing is known.
        lookup: What finds the ids, which are all different then; made if left out.
    """

    ids: pl.Series
    features: pl.DataFrame = field(default_factory=lambda: NO_COLUMNS)
    lookup: Lookup | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.lookup is None:
            ids = canonical(self.ids)
            _check_different(ids, self.ids, "a vocabulary")
            object.__setattr__(self, "ids", ids)
            object.__setattr__(self, "lookup", Lookup(ids))
        if self.features.width and self.features.height != len(self.ids):
            raise DataError(
                f"features have {self.features.height} rows for {len(self.ids)} ids. "
                "Give one row per id."
            )

    def __repr__(self) -> str:
        columns = ", ".join(self.features.columns)
        known = f", with {columns}" if columns else ""
        return f"{type(self).__name__}({len(self):,} ids{known})"

    @classmethod
    def of_different(cls, ids: pl.Series) -> "Vocabulary":
        """Return the vocabulary of ids known to be canonical and all different."""
        return cls(ids, lookup=Lookup(ids))

    def in_order(self) -> "Vocabulary":
        """Return the same ids, a few of which are found at once from the first."""
        return replace(self, lookup=self._own_lookup().in_order())

    def __len__(self) -> int:
        return len(self.ids)

    def without(self, rows: Int32[np.ndarray, " n"]) -> "Vocabulary":
        """Return the same rows, of which some have no id and no features any more."""
        kept = np.ones(len(self), np.bool_)
        kept[rows] = False
        place = np.where(kept, np.cumsum(kept) - 1, UNKNOWN)

        def blank(values: pl.Series) -> pl.Series:
            # A null laid over a value would leave it in memory and in every file.
            return gathered(packed(values.filter(pl.Series(kept))), place)

        features = pl.DataFrame([blank(held) for held in self.features.iter_columns()])
        ids = blank(self.ids)
        return Vocabulary(ids, features, self._own_lookup().without(ids, rows))

    def erased(self) -> Int32[np.ndarray, " n"]:
        """Return the rows that have no id any more."""
        if not self.ids.null_count():  # Which is known, whatever their number.
            return np.zeros(0, np.int32)
        return np.flatnonzero(self.ids.is_null()).astype(np.int32)

    def encode(self, values: pl.Series) -> Int32[np.ndarray, " n"]:
        """Return the row of each raw id, ``UNKNOWN`` where it is not held.

        Ids of another type are held if they are the same by ``ids.canonical``.

        Raises:
            NotAnIdError: A value can be no id.
        """
        if not values.dtype == self.ids.dtype == pl.String:
            return self._own_lookup().rows(self._as_ids(canonical(values)))
        rows = self._own_lookup().rows(values)
        # A text that is held is canonical, so only the others need be made so.
        other = np.flatnonzero(rows == UNKNOWN)
        if len(other):
            plain = canonical(gathered(values, other))
            rows = rows.copy()
            rows[other] = self._own_lookup().rows(self._as_ids(plain))
        return rows

    def rows_of_plain(self, values: Sequence[object]) -> list[int] | None:
        """Return the rows of a few ids, if all are held as they are spelt; else none.

        Such ids are canonical themselves, so it takes a fifth of ``encode``'s time.
        """
        return self._own_lookup().rows_of_plain(values)

    def row(self, value: Any) -> int:
        """Return the row of one raw id, ``UNKNOWN`` if it is not held.

        Raises:
            RequestError: It can be no id.
        """
        one = self._as_ids(series([value], "the id"))
        return int(self._own_lookup().rows(one)[0])

    def decode(self, rows: Int32[np.ndarray, " n"]) -> pl.Series:
        """Return the raw id of each row, null where the row is ``UNKNOWN``."""
        return gathered(self.ids, rows)

    def extended(self, ids: pl.Series) -> "Vocabulary":
        """Return a vocabulary that also holds ``ids``, new ones last, in their order.

        Rows already given do not change, also where a text makes text of all ids; new
        ids have empty features.
        """
        return self.with_rows(ids)[0]

    def with_rows(self, ids: pl.Series) -> "tuple[Vocabulary, Int32[np.ndarray, ' n']]":
        """Return a vocabulary that also holds ``ids``, and the row of each there.

        See ``extended``.
        """
        ids = canonical(ids)
        rows = self.encode(ids)
        new = np.flatnonzero(rows == UNKNOWN)
        if not len(new):
            return self, rows
        unknown = gathered(ids, new)
        if unknown.null_count():
            raise DataError("an id is missing. Drop the row or give it an id.")
        fresh, place = numbered(unknown)
        features = self.features
        if features.width:
            blank = pl.DataFrame(schema=features.schema).clear(len(fresh))
            features = pl.DataFrame(
                [appended(held, blank[held.name]) for held in features.iter_columns()]
            )
        held, fresh = _of_one_type(self.ids, fresh)
        whole = appended(held, fresh)
        same = held.dtype == self.ids.dtype
        lookup = self._own_lookup().extended(whole) if same else Lookup(whole)
        rows = rows.copy()
        rows[new] = len(self) + place
        return Vocabulary(whole, features, lookup), rows

    def numbers_as(self, other: "Vocabulary") -> bool:
        """Return whether a row is the same id in both, as far as both go.

        An erased row is the same as any, unless its id has come again on another row.
        """
        if self.ids is other.ids:
            return True
        size = min(len(self), len(other))
        ours, theirs = _of_one_type(self.ids.head(size), other.ids.head(size))
        if ours.equals(theirs):
            return True
        if bool((ours != theirs).any()):
            return False
        left, back = theirs.filter(ours.is_null()), ours.filter(theirs.is_null())
        again = (self.encode(left.drop_nulls()), other.encode(back.drop_nulls()))
        return all(bool((rows == UNKNOWN).all()) for rows in again)

    def with_features(self, table: pl.DataFrame, key: str) -> "Vocabulary":
        """Return the same ids, and those that only ``table`` holds, with its columns.

        Args:
            table: One row per id; ids of the log that it lacks get empty features.
            key: The column of ``table`` that holds the id.

        Raises:
            DataError: The key column is missing, has a missing value, or repeats one.
        """
        if key not in table.columns:
            raise DataError(
                f"the feature table has no column {key!r}. "
                f"It has: {', '.join(table.columns)}."
            )
        ids = canonical(table[key])
        _check_different(ids, table[key], "the feature table")
        full = Vocabulary(self.ids, lookup=self.lookup).extended(ids)
        ids, held = _of_one_type(ids, full.ids)
        rows = held.alias(key).to_frame()
        keyed = table.with_columns(ids.alias(key))
        features = rows.join(keyed, on=key, how="left", maintain_order="left")
        return Vocabulary(held, features.drop(key), full.lookup)

    def _own_lookup(self) -> Lookup:
        return self.lookup if self.lookup is not None else Lookup(self.ids)

    def _as_ids(self, values: pl.Series) -> pl.Series:
        """Return canonical values in the type of the ids, null where none is."""
        if values.dtype == self.ids.dtype:
            return values
        if self.ids.dtype == pl.String:
            return values.cast(pl.String)
        whole = values.cast(pl.Int64, strict=False)
        return whole.set(~(whole.cast(pl.String) == values).fill_null(False), None)

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="Vocabulary",
            arrays={"order": self._own_lookup().order()},
            tables={"ids": self.ids.alias("id").to_frame(), "features": self.features},
        )

    @classmethod
    def from_state(cls, state: State) -> "Vocabulary":
        """Rebuild from what ``state`` returned.

        The ids were all different when they were saved, and are found by their order.
        """
        ids = state.tables["ids"]["id"]
        lookup = Lookup.ordered(ids, state.arrays["order"])
        return cls(ids, state.tables["features"], lookup)


def _of_one_type(one: pl.Series, other: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return both columns of canonical ids as text, unless both are numbers."""
    if one.dtype == other.dtype:
        return one, other
    return one.cast(pl.String), other.cast(pl.String)


def _check_different(ids: pl.Series, spelt: pl.Series, where: str) -> None:
    """Refuse an id that is missing or stands twice, by its spellings and rows."""
    if ids.null_count():
        row = int(ids.is_null().arg_true()[0])
        raise DataError(f"row {row} of {where} has no id. Drop it or give it an id.")
    if ids.n_unique() == len(ids):
        return
    again = int((~ids.is_first_distinct()).arg_true()[0])
    first = int((ids == ids[again]).arg_true()[0])
    raise DataError(
        f"rows {first} and {again} of {where} are one id, {spelt[first]!r} and "
        f"{spelt[again]!r}. Keep one."
    )
