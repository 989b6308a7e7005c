"""Ids of any type to small whole numbers, in one pass over batches of any size."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32, Integer

from tidegraph.data.ids.absent import absent, is_absent
from tidegraph.data.ids.appending import numbered
from tidegraph.data.ids.identity import FEW, Missing, NotAnIdError, canonical
from tidegraph.data.ids.lookup import gathered
from tidegraph.data.ids.rounded import are_rounded, is_rounded, warn_rounded
from tidegraph.data.invisible import INVISIBLE
from tidegraph.data.origin import Rows, as_array, concatenated, rows_text
from tidegraph.errors import DataError
from tidegraph.kernels.jit import compiled

_TEXT = (pl.String, pl.Categorical, pl.Enum)


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
        self._text = pl.Categorical(pl.Categories.random())

    def add(self, ids: pl.Series, rows: Rows) -> None:
        """Take the ids of the next rows.

        Args:
            ids: Raw ids of any type that has one value per row.
            rows: The numbers that messages give to them.

        Raises:
            DataError: An id is missing, or is a list or a record.
        """
        if isinstance(ids.dtype, _TEXT):
            self._refuse_nulls(ids, rows)
        else:
            ids = self._canonical(ids, rows)
        few = len(ids) <= FEW
        self._parts.append(ids if few else self._short(ids))
        self._rows.append(rows)

    def checked(self, ids: pl.Series, rows: Rows) -> pl.Series:
        """Return canonical ids that are not collected; see ``add``."""
        ids = self._canonical(ids, rows)
        self._warn_of_rounded(ids, np.arange(len(ids)), rows)
        return ids

    def _canonical(self, ids: pl.Series, rows: Rows) -> pl.Series:
        try:
            ids = canonical(ids)
        except NotAnIdError as error:
            row = int(rows[error.row]) if error.row >= 0 else None
            raise self._error_at_row(row, f"holds no ids: {error.reason}") from error
        self._refuse_nulls(ids, rows)
        return ids

    def finish(self) -> Coded:
        """Return the whole column.

        Raises:
            DataError: An id is missing.
        """
        if len(self._parts) == 1 and len(self._parts[0]) <= FEW:
            return self._few(*self._parts)
        if len({part.dtype for part in self._parts}) > 1:
            self._parts = [part.cast(pl.String) for part in self._parts]
        column = pl.concat([self._short(part) for part in self._parts])
        if column.dtype == self._text:
            code = column.to_physical().to_numpy().astype(np.int32)
            # The categories live only as long as a series that uses them.
            places = pl.Series(
                np.arange(int(code.max(initial=-1)) + 1, dtype=np.uint32)
            )
            spelt = places.cat.to(self._text).cast(pl.String)
            self._refuse_markers(spelt, code)
            self._warn_of_rounded(spelt, code, concatenated(self._rows))
            self._parts.clear()
            return _merged(spelt, code)
        self._parts.clear()
        ids = column.unique().sort()
        code = column.rank("dense").to_numpy().astype(np.int32)
        code -= 1
        return Coded(ids, code)

    def _short(self, ids: pl.Series) -> pl.Series:
        """Return whole numbers as they are, and text as numbers of categories."""
        return ids if ids.dtype == pl.Int64 else ids.cast(self._text)

    def _few(self, spelt: pl.Series) -> Coded:
        """Return the same without the steps that many values are worth."""
        if spelt.dtype != pl.Int64:
            spelt = spelt.cast(pl.String)
            texts, code = spelt.to_list(), np.arange(len(spelt), dtype=np.int32)
            if any(is_absent(text, self._missing) for text in texts):
                self._refuse_markers(spelt, code)
            if any(map(is_rounded, texts)):
                self._warn_of_rounded(spelt, code, *self._rows)
        return Coded(*numbered(canonical(spelt)), tidy=True)

    def _refuse_nulls(self, ids: pl.Series, rows: Rows) -> None:
        if ids.null_count():
            row = int(rows[int(ids.is_null().arg_true()[0])])
            raise self._error_at_row(row, f"has no id. {self._missing_advice()}")

    def _refuse_markers(self, spelt: pl.Series, code: Int32[np.ndarray, " n"]) -> None:
        nothing = absent(spelt, self._missing).to_numpy()
        if not nothing.any():
            return
        at = int(nothing[code].argmax())
        row = int(concatenated(self._rows)[at])
        found = str(spelt[int(code[at])]).strip(INVISIBLE)
        if not found:
            raise self._error_at_row(row, f"has no id. {self._missing_advice()}")
        raise self._error_at_row(
            row,
            f"holds {found!r}, which stands for a missing id. {self._missing_advice()} "
            "If it is an id, pass missing='keep'.",
        )

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

    def _missing_advice(self) -> str:
        if self._missing != "keep" and self._dropping:
            return "Give it one, or pass missing='drop' to leave such rows out."
        return "Drop the row or give it an id."

    def _error_at_row(self, row: int | None, what: str) -> DataError:
        place = self._where if row is None else f"{self._where}, row {row}"
        return DataError(f"{place}: column {self._name!r} {what}")


def coded(ids: pl.Series, name: str, where: str, missing: Missing = "refuse") -> Coded:
    """Return one column of ids as whole numbers; rows in messages count from 0.

    Raises:
        DataError: An id is missing, or is a list or a record.
    """
    column = IdColumn(name, where, missing, dropping=False)
    column.add(ids, range(len(ids)))
    return column.finish()


def _merged(spelt: pl.Series, code: Int32[np.ndarray, " n"]) -> Coded:
    """Return canonical ids; those that were spelt in several ways become one."""
    ids = canonical(spelt)
    different = ids.unique(maintain_order=True)
    if len(different) == len(ids):
        return Coded(ids, code)
    place = pl.DataFrame({"id": different}).with_row_index("place")
    found = ids.alias("id").to_frame().join(place, on="id", maintain_order="left")
    return Coded(different, found["place"].to_numpy().astype(np.int32)[code])
