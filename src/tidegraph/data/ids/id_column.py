"""Ids of any type to small whole numbers, in one pass over batches of any size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32, Integer

from tidegraph.data.ids.absent import is_absent, mask_absent
from tidegraph.data.ids.appending import numbered
from tidegraph.data.ids.identity import FEW, Missing, NotAnIdError, canonical
from tidegraph.data.ids.lookup import gathered
from tidegraph.data.ids.rounded import are_rounded, is_rounded, warn_rounded
from tidegraph.data.invisible import INVISIBLE
from tidegraph.data.origin import Rows, as_array, concatenated, rows_text
from tidegraph.errors import DataError
from tidegraph.kernels.jit import compiled

_TEXT = (pl.String, pl.Categorical, pl.Enum)
_MEND = "Drop the row or give it an id."


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of ids as whole numbers.

    Attributes:
        ids: Different canonical ids; more may stand here than occur.
        code: Place in ``ids`` of each event's id.
        tidy: Do exactly those that occur stand here, by first appearance?
    """

    ids: pl.Series
    code: Int32[np.ndarray, " n"]
    tidy: bool = False

    def renumbered(self) -> "Coded":
        """Return the same column with ids by first appearance, and only those.

        The codes are renumbered in place.
        """
        place = np.full(len(self.ids), -1, np.int32)
        used = _by_first_appearance(self.code, place)
        old = np.empty(used, np.uint32)
        known = np.flatnonzero(place >= 0)
        old[place[known]] = known
        return Coded(gathered(self.ids, old), self.code, tidy=True)


@compiled
def _by_first_appearance(code: np.ndarray, place: np.ndarray) -> int:
    used = 0
    for row in range(len(code)):
        old = code[row]
        if place[old] < 0:
            place[old] = used
            used += 1
        code[row] = place[old]
    return used


class MissingIdError(DataError):
    """Rows have no id."""


class IdColumn:
    """Collects one id column batch by batch, holding four bytes per text id.

    Text is made canonical once for each different one, not for each row.

    Args:
        name: Name of the column, for messages.
        where: Name of the source, for messages.
        missing: With ``"keep"`` a marker such as ``NULL`` is an id; else it is
            refused, as rows to drop are not given to a column.
        dropping: Whether the caller could have such rows dropped, for messages.
    """

    def __init__(
        self,
        name: str,
        where: str,
        missing: Missing = "refuse",
        *,
        dropping: bool = True,
    ) -> None:
        self._name, self._where = name, where
        self._dropping = dropping
        self._missing: Missing = missing
        self._parts: list[pl.Series] = []
        self._rows: list[Rows] = []
        self.lacking = 0
        """How many of the collected ids are null; what else is missing shows later."""
        self._text = pl.Categorical(pl.Categories.random())

    def add(self, ids: pl.Series, rows: Rows) -> None:
        """Take the ids of the next rows.

        Args:
            ids: Raw ids of any type that has one value per row.
            rows: The numbers that messages give to them.

        Raises:
            DataError: An id is a list or a record.
        """
        if not isinstance(ids.dtype, _TEXT):
            ids = self._canonical(ids, rows)
        self.lacking += ids.null_count()
        few = len(ids) <= FEW
        self._parts.append(ids if few else self._as_categories(ids))
        self._rows.append(rows)

    def checked(self, ids: pl.Series, rows: Rows) -> pl.Series:
        """Return canonical ids that are not collected; see ``add``.

        Raises:
            DataError: An id is missing, or is a list or a record.
        """
        ids = self._canonical(ids, rows)
        if ids.null_count():
            row = int(rows[int(ids.is_null().arg_true()[0])])
            place = f"{self._where}, row {row}: column {self._name!r}"
            raise MissingIdError(f"{place} has no id. {_MEND}")
        self._warn_of_rounded(ids, np.arange(len(ids)), rows)
        return ids

    def _canonical(self, ids: pl.Series, rows: Rows) -> pl.Series:
        try:
            ids = canonical(ids)
        except NotAnIdError as error:
            row = int(rows[error.row]) if error.row >= 0 else None
            place = self._where if row is None else f"{self._where}, row {row}"
            raise DataError(
                f"{place}: column {self._name!r} holds no ids: {error.reason}"
            ) from error
        return ids

    def finish(self) -> Coded:
        """Return the whole column.

        Raises:
            MissingIdError: An id is missing.
        """
        if self.lacking:
            raise missing_error([self])
        if len(self._parts) == 1 and len(self._parts[0]) <= FEW:
            return self._coded_few(*self._parts)
        if len({part.dtype for part in self._parts}) > 1:
            self._parts = [part.cast(pl.String) for part in self._parts]
        column = pl.concat([self._as_categories(part) for part in self._parts])
        if column.dtype == self._text:
            code = column.to_physical().to_numpy().astype(np.int32)
            # The categories live only as long as a series that uses them.
            places = pl.Series(
                np.arange(int(code.max(initial=-1)) + 1, dtype=np.uint32)
            )
            spelt = places.cat.to(self._text).cast(pl.String)
            if mask_absent(spelt, self._missing).any():
                raise missing_error([self])
            self._warn_of_rounded(spelt, code, concatenated(self._rows))
            self._parts.clear()
            return _merged_spellings(spelt, code)
        self._parts.clear()
        ids = column.unique().sort()
        code = column.rank("dense").to_numpy().astype(np.int32)
        code -= 1
        return Coded(ids, code)

    def _as_categories(self, ids: pl.Series) -> pl.Series:
        """Return whole numbers as they are, and text as numbers of categories."""
        return ids if ids.dtype == pl.Int64 else ids.cast(self._text)

    def _coded_few(self, spelt: pl.Series) -> Coded:
        """Return the same without the steps that many values are worth."""
        if spelt.dtype != pl.Int64:
            spelt = spelt.cast(pl.String)
            texts, code = spelt.to_list(), np.arange(len(spelt), dtype=np.int32)
            if any(is_absent(text, self._missing) for text in texts):
                raise missing_error([self])
            if any(map(is_rounded, texts)):
                self._warn_of_rounded(spelt, code, *self._rows)
        return Coded(*numbered(canonical(spelt)), tidy=True)

    def _warn_of_rounded(
        self, spelt: pl.Series, code: Integer[np.ndarray, " n"], rows: Rows
    ) -> None:
        rounded = are_rounded(spelt)
        if not rounded.any():
            return
        at = np.flatnonzero(rounded[code])
        where = rows_text(self._where, as_array(rows)[at])
        example = str(spelt[int(code[at[0]])]).strip(INVISIBLE)
        warn_rounded(len(at), self._name, example, where)

    def absent(self) -> Bool[np.ndarray, " n"]:
        """Return which of the collected ids are missing; empty once it is finished."""
        masks = [mask_absent(part, self._missing).to_numpy() for part in self._parts]
        return np.concatenate([np.zeros(0, np.bool_), *masks])

    def missing_at(self, at: int, rows: int) -> str:
        """Say that the id at a place of those collected is missing, and what to do.

        Args:
            at: The place.
            rows: How many rows lack an id.
        """
        row = int(concatenated(self._rows)[at])
        starts = np.cumsum([0, *map(len, self._parts)])
        part = int(np.searchsorted(starts, at, side="right")) - 1
        found = str(self._parts[part][at - int(starts[part])] or "").strip(INVISIBLE)
        what = (
            f"holds {found!r}, which stands for a missing id" if found else "has no id"
        )
        more = f"; {rows:,} rows lack an id" if rows > 1 else ""
        said = f"{self._where}, row {row}: column {self._name!r} {what}{more}."
        return f"{said} {self._advice_on_missing(found, rows)}"

    def _advice_on_missing(self, found: str, rows: int) -> str:
        mend = _MEND
        if self._dropping:
            what = "it" if rows == 1 else "them"
            mend = f"Give {what} one, or leave such rows out with missing='drop'."
        if self._missing == "keep" or not found:
            return mend
        return f"{mend} If it is an id, say missing='keep'."


def missing_error(columns: Sequence[IdColumn]) -> MissingIdError:
    """Return what is said of rows that lack an id in one of some columns.

    Args:
        columns: Columns of the same rows, in one of which an id is missing.
    """
    masks = [column.absent() for column in columns]
    lacking = [
        (one, mask) for one, mask in zip(columns, masks, strict=True) if len(mask)
    ]
    rows = np.logical_or.reduce([mask for _, mask in lacking])
    first, count = int(rows.argmax()), int(rows.sum())
    column = next(one for one, mask in lacking if mask[first])
    return MissingIdError(column.missing_at(first, count))


def coded(ids: pl.Series, name: str, where: str, missing: Missing = "refuse") -> Coded:
    """Return one column of ids as whole numbers; rows in messages count from 0.

    Raises:
        DataError: An id is missing, or is a list or a record.
    """
    column = IdColumn(name, where, missing, dropping=False)
    column.add(ids, range(len(ids)))
    return column.finish()


def _merged_spellings(spelt: pl.Series, code: Int32[np.ndarray, " n"]) -> Coded:
    """Return canonical ids; those that were spelt in several ways become one."""
    ids = canonical(spelt)
    different = ids.unique(maintain_order=True)
    if len(different) == len(ids):
        return Coded(ids, code)
    place = pl.DataFrame({"id": different}).with_row_index("place")
    found = ids.alias("id").to_frame().join(place, on="id", maintain_order="left")
    return Coded(different, found["place"].to_numpy().astype(np.int32)[code])
