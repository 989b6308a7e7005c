"""One type of edge: where it leads from and to, both directions, its features."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32, Int64

from tidegraph.compiled import over_rows
from tidegraph.errors import DataError
from tidegraph.graph.neighbors import NO_WEIGHT, Neighbors

_CHUNKS = 64


class Column:
    """Numbers by edge that grow at the end; what was handed out does not change.

    Args:
        values: The numbers so far.
    """

    def __init__(self, values: Float32[np.ndarray, " n"]) -> None:
        self.values = values
        self._room, self._used = values, len(values)

    def extended(self, more: Float32[np.ndarray, " m"]) -> "Column":
        """Return the column with more numbers, in O(new) as a rule."""
        held = len(self.values)
        if held != self._used or held + len(more) > len(self._room):
            self._room = np.empty(2 * (held + len(more)), np.float32)
            self._room[:held] = self.values
        self._room[held : held + len(more)] = more
        self._used = held + len(more)
        longer = Column(self._room[: self._used])
        longer._room, longer._used = self._room, self._used
        # Whoever extends the shorter column again must not write over the longer one.
        self._used = -1
        return longer


@dataclass(frozen=True, eq=False)
class Edges:
    """The edges of one type, as two directions that share features.

    Attributes:
        source: Type of the node an edge starts from.
        target: Type of the node it leads to.
        out: Neighbours along the edge.
        back: Neighbours against it.
        time: Name of the time column; none if the edges have no time.
        weight: Name of the feature that is the strength; none if each is 1.
        features: One row per edge number.
        strength: The weights as numbers, by edge number.
    """

    source: str
    target: str
    out: Neighbors
    back: Neighbors
    time: str | None
    weight: str | None
    features: pl.DataFrame
    strength: Column | None

    @classmethod
    def build(
        cls,
        ends: tuple[str, str],
        rows: tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, " n"]],
        sizes: tuple[int, int],
        when: Int64[np.ndarray, " n"] | None,
        *,
        time: str | None = "time",
        weight: str | None = None,
        features: pl.DataFrame | None = None,
    ) -> "Edges":
        """Sort edges into both directions.

        Args:
            ends: Types of the nodes at source and target.
            rows: Rows of the nodes at source and target of each edge.
            sizes: How many nodes of either type there are.
            when: Unix seconds of each edge, in any order; none if untimed.
            time: Name of the time.
            weight: Name of the feature that is the strength.
            features: One row per edge.

        Raises:
            DataError: A weight is not a finite number.
        """
        table = features if features is not None else pl.DataFrame()
        strength = Column(numbers(table, weight)) if weight is not None else None
        weights = strength.values if strength is not None else NO_WEIGHT
        sides: dict[int, Neighbors] = {}

        def build(first: int, last: int) -> None:
            for way in range(first, last):
                here, there, size = rows[way], rows[1 - way], sizes[way]
                sides[way] = Neighbors.build(here, there, when, size, weights)

        # One thread for either direction.
        over_rows(build, 2, grain=1)
        return cls(
            *ends,
            sides[0],
            sides[1],
            time if when is not None else None,
            weight,
            table,
            strength,
        )

    def __len__(self) -> int:
        return int(self.out.degree().sum())

    @property
    def latest(self) -> int:
        """Unix seconds of the last edge; the smallest integer if there is none."""
        return self.out.latest

    @property
    def slack(self) -> int:
        """How many slots of both directions are left behind or not yet used."""
        return self.out.slack + self.back.slack

    def along(self, *, back: bool, by: str | None = None) -> Neighbors:
        """Return one direction, weighted by a feature other than the usual one.

        Raises:
            DataError: The feature is missing or not a finite number everywhere.
        """
        side = self.back if back else self.out
        if by is None or by == self.weight:
            return side
        if (back, by) not in self._others:
            self._others[back, by] = side.weighted(numbers(self.features, by))
        return self._others[back, by]

    def appended(
        self,
        rows: tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, " n"]],
        sizes: tuple[int, int],
        when: Int64[np.ndarray, " n"] | None,
        features: pl.DataFrame,
    ) -> "Edges":
        """Return these and new edges, numbered on; this value does not change."""
        held = len(self)
        number = np.arange(held, held + len(rows[0]), dtype=np.int64)
        strength = self.strength
        if strength is not None and self.weight is not None:
            strength = strength.extended(numbers(features, self.weight))
        weights = strength.values if strength is not None else NO_WEIGHT
        table = pl.concat([self.features, features], rechunk=False)
        return replace(
            self,
            out=self.out.with_edges(rows[0], rows[1], when, number, sizes[0], weights),
            back=self.back.with_edges(
                rows[1], rows[0], when, number, sizes[1], weights
            ),
            features=table.rechunk() if table.n_chunks() > _CHUNKS else table,
            strength=strength,
        )

    @cached_property
    def _others(self) -> dict[tuple[bool, str], Neighbors]:
        return {}

    def until(self, clock: int) -> "Edges":
        """Return a view of what happened strictly before ``clock``."""
        return replace(self, out=self.out.until(clock), back=self.back.until(clock))

    def compacted(self) -> "Edges":
        """Return the same edges without room to grow."""
        return replace(
            self,
            out=self.out.compacted(),
            back=self.back.compacted(),
            features=self.features.rechunk(),
        )


def numbers(table: pl.DataFrame, column: str) -> Float32[np.ndarray, " n"]:
    """Return a feature as numbers.

    Raises:
        DataError: There is no such feature, or a value is not a finite number.
    """
    if column not in table.columns:
        raise DataError(
            f"the edges have no feature {column!r}. "
            f"They have: {', '.join(table.columns) or 'none'}."
        )
    values = table[column]
    if not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
        raise DataError(f"column {column!r} holds {values.dtype}, not numbers.")
    found = values.cast(pl.Float32).to_numpy()
    bad = np.flatnonzero(~np.isfinite(found))
    if len(bad):
        raise DataError(
            f"column {column!r} is {values[int(bad[0])]} in row {bad[0]}, "
            "not a finite number. Mend or drop the row."
        )
    return np.ascontiguousarray(found)
