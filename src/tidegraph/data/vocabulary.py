"""Raw ids to row numbers and back, with one row of features per id."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int32

from tidegraph.artifact import State
from tidegraph.data.lookup import UNKNOWN, Lookup
from tidegraph.errors import DataError, RequestError

_CHUNKS = 64


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The ids of one kind of node, in row order.

    Attributes:
        ids: Raw ids, all different, none missing; the place of an id is its row.
        features: One row per id, in the same order; no columns if nothing is known.
        lookup: What finds the ids, which are all different then; made if left out.
    """

    ids: pl.Series
    features: pl.DataFrame = field(default_factory=pl.DataFrame)
    lookup: Lookup | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.lookup is None:
            self._check_ids()
            object.__setattr__(self, "lookup", Lookup(self.ids))
        if self.features.width and self.features.height != len(self.ids):
            raise DataError(
                f"features have {self.features.height} rows for {len(self.ids)} ids. "
                "Give one row per id."
            )

    def _check_ids(self) -> None:
        if self.ids.null_count():
            row = int(self.ids.is_null().arg_true()[0])
            raise DataError(f"id {row} is missing. Drop the row or give it an id.")
        if self.ids.n_unique() != len(self.ids):
            twice = self.ids.filter(self.ids.is_duplicated())[0]
            raise DataError(f"id {twice!r} stands twice in a vocabulary; keep one.")

    def __len__(self) -> int:
        return len(self.ids)

    def encode(self, values: pl.Series) -> Int32[np.ndarray, " n"]:
        """Return the row of each raw id, ``UNKNOWN`` where it is not held.

        An id of another type is held if it is written the same way: ``"7"`` is 7, and
        ``"007"`` is not.
        """
        return self._found().rows(self._as_ids(values))

    def row(self, value: Any) -> int:
        """Return the row of one raw id, ``UNKNOWN`` if it is not held."""
        return int(self.encode(pl.Series([value]))[0])

    def decode(self, rows: Int32[np.ndarray, " n"]) -> pl.Series:
        """Return the raw id of each row, null where the row is ``UNKNOWN``."""
        at = pl.Series(rows, dtype=pl.Int32)
        return self.ids.gather(at.set(at < 0, None).cast(pl.UInt32))

    def extended(self, ids: pl.Series) -> "Vocabulary":
        """Return a vocabulary that also holds ``ids``, new ones last, in their order.

        Rows already given do not change; new ids have empty features.
        """
        unknown = self.encode(ids) == UNKNOWN
        if not unknown.any():
            return self
        fresh = ids.filter(unknown).unique(maintain_order=True)
        alien = fresh.filter(self._as_ids(fresh).is_null())
        if len(alien):
            raise RequestError(
                f"{alien[0]!r} is not an id here: ids are {self.ids.dtype}, "
                f"for example {self.ids.first()!r}."
            )
        fresh = self._as_ids(fresh)
        features = self.features
        if features.width:
            blank = pl.DataFrame(schema=features.schema).clear(len(fresh))
            features = pl.concat([features, blank])
        ids = pl.concat([self.ids, fresh])
        if ids.n_chunks() > _CHUNKS:
            ids = ids.rechunk()
        return Vocabulary(ids, features, self._found().extended(ids))

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
        keyed = table.with_columns(pl.col(key).cast(self.ids.dtype))
        if keyed[key].null_count():
            row = int(keyed[key].is_null().arg_true()[0])
            raise DataError(f"the feature table has no {key!r} in row {row}.")
        if keyed[key].is_duplicated().any():
            twice = keyed[key].filter(keyed[key].is_duplicated())[0]
            raise DataError(
                f"the feature table has several rows for {key} {twice!r}. Keep one."
            )
        full = Vocabulary(self.ids).extended(keyed[key])
        rows = full.ids.alias(key).to_frame()
        features = rows.join(keyed, on=key, how="left", maintain_order="left")
        return Vocabulary(full.ids, features.drop(key))

    def _found(self) -> Lookup:
        return self.lookup if self.lookup is not None else Lookup(self.ids)

    def _as_ids(self, values: pl.Series) -> pl.Series:
        """Return the values as ids, null where that is not what was written."""
        if values.dtype == self.ids.dtype:
            return values
        try:
            ids = values.cast(self.ids.dtype, strict=False)
            again = ids.cast(values.dtype, strict=False)
        except pl.exceptions.PolarsError:
            return self.ids.clear(len(values))
        return ids.set(~(again == values).fill_null(False), None)

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="Vocabulary",
            tables={"ids": self.ids.alias("id").to_frame(), "features": self.features},
        )

    @classmethod
    def from_state(cls, state: State) -> "Vocabulary":
        """Rebuild from what ``state`` returned."""
        return cls(state.tables["ids"]["id"], state.tables["features"])
