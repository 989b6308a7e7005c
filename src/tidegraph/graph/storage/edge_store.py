"""One type of edge: where it leads from and to, both directions, its features."""

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from tidegraph.data.context import NO_COLUMNS
from tidegraph.data.ids.unknown import first_few, outside
from tidegraph.data.tables.retyped import retyped
from tidegraph.data.times.ticks import PER_SECOND, TimeUnit
from tidegraph.errors import DataError, LeftOutColumnWarning
from tidegraph.graph.revisions import Revisions
from tidegraph.graph.storage.append_only import Column, Table, numbers
from tidegraph.graph.storage.ends import check_range
from tidegraph.graph.storage.tcsr import NO_WEIGHT, TemporalCSR
from tidegraph.graph.storage.with_edges import with_edges
from tidegraph.graph.times import Tick, lasts_longer
from tidegraph.kernels.jit import over_rows
from tidegraph.small_arrays import span


@dataclass(frozen=True)
class Origin:
    """Which columns of a table are the ends of an edge, and the unit of its times.

    Attributes:
        source: Column of the node an edge starts from.
        target: Column of the node it leads to.
        unit: Unit of times that are plain numbers; none if they are not.
    """

    source: str
    target: str
    unit: TimeUnit | None = None


@dataclass(frozen=True, eq=False)
class EdgeStore:
    """The edges of one type, as two directions that share features.

    Attributes:
        source: Type of the node an edge starts from.
        target: Type of the node it leads to.
        out: Neighbours along the edge.
        back: Neighbours against it.
        time: Name of the time column; none if the edges have no time.
        weight: Name of the feature that is the strength; none if each is 1.
        table: One row of features per edge number.
        strength: The weights as numbers, by edge number.
        origin: Which columns of a table lead from and to, and the unit of its times.
        count: How many edges there are.
        issued: How many edge numbers were given; more than there are edges in a view
            of the past.
        latest: Tick of the last edge; the smallest integer if there is none.
        revisions: What changes when an edge comes late or is erased.
    """

    source: str
    target: str
    out: TemporalCSR
    back: TemporalCSR
    time: str | None
    weight: str | None
    table: Table
    strength: Column | None
    origin: Origin
    count: int
    issued: int
    latest: int
    revisions: Revisions

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
        origin: Origin | None = None,
    ) -> "EdgeStore":
        """Sort edges into both directions.

        Args:
            ends: Types of the nodes at source and target.
            rows: Rows of the nodes at source and target of each edge.
            sizes: How many nodes of either type there are.
            when: Tick of each edge, in any order; none if untimed.
            time: Name of the time.
            weight: Name of the feature that is the strength.
            features: One row per edge.
            origin: Which columns the edges came from, if they came from a table.

        Raises:
            DataError: A row is no node, or a weight is not a finite number.
        """
        # The sort writes where a row says, and looks at none twice.
        for name, at, size in zip(ends, rows, sizes, strict=True):
            check_range(name, at, size, _DAMAGED)
        table = features if features is not None else NO_COLUMNS
        strength = Column(numbers(table, weight)) if weight is not None else None
        weights = strength.values if strength is not None else NO_WEIGHT
        sides: dict[int, TemporalCSR] = {}

        def build(first: int, last: int) -> None:
            for way in range(first, last):
                here, there, size = rows[way], rows[1 - way], sizes[way]
                sides[way] = TemporalCSR.build(here, there, when, size, weights)

        # One thread for either direction.
        over_rows(build, 2, grain=1)
        return cls(
            *ends,
            sides[0],
            sides[1],
            time if when is not None else None,
            weight,
            Table(table),
            strength,
            origin if origin is not None else Origin(*ends),
            len(rows[0]),
            len(rows[0]),
            _latest_time(when),
            Revisions(len(rows[0])),
        )

    def __len__(self) -> int:
        return self.count

    @property
    def features(self) -> pl.DataFrame:
        """One row per edge number."""
        return self.table.frame

    @property
    def slack(self) -> int:
        """How many slots of both directions are left behind or not yet used."""
        return self.out.used + self.back.used - 2 * self.count

    def along(self, *, back: bool, by: str | None = None) -> TemporalCSR:
        """Return one direction, weighted by a feature other than the usual one.

        An edge that lacks it, or whose value is not finite, has the weight 0.

        Raises:
            DataError: There is no such feature, or it holds no numbers.
        """
        side = self.back if back else self.out
        if by is None or by == self.weight:
            return side
        return side.weighted(by, self.table.weights(by))

    def columns(
        self,
    ) -> tuple[
        Int32[np.ndarray, " n"], Int32[np.ndarray, " n"], Int64[np.ndarray, " n"]
    ]:
        """Return source, target and time (0 if untimed) of each edge, by its number.

        A view of the past has a row for each edge that it sees.

        Raises:
            DataError: A file that was opened unchecked is damaged: a row is no node.
        """
        slots, order = self.out.slots(), np.zeros(self.count, np.int64)
        if self.issued == self.count:
            order[self.out.edge[slots]] = np.arange(self.count)
        else:
            order = np.argsort(self.out.edge[slots])
        slots, owner = slots[order], self.out.owners()[order]
        target = self.out.node[slots]
        check_range(self.target, target, len(self.back), _DAMAGED)
        return owner, target, self.out.time_at(slots)

    def typed(self, table: pl.DataFrame, besides: Collection[str]) -> pl.DataFrame:
        """Return the features of new edges in the types that the others have.

        Args:
            table: One row per edge; columns that the others lack are warned of.
            besides: Its columns that are no features.

        Raises:
            DataError: A column is missing, or cannot be of that type uncut.
        """
        held = {column.name: column for column in self.table.columns.iter_columns()}
        missing = [name for name in held if name not in table.columns]
        if missing:
            raise DataError(
                f"the new edges have no column {missing[0]!r}, which the others have."
            )
        new = [name for name in table.columns if name not in {*held, *besides}]
        if new:
            warnings.warn(
                "the new edges have columns that the others have not, left out: "
                f"{first_few(pl.Series(new))}. Edges keep the columns of the first.",
                LeftOutColumnWarning,
                stacklevel=outside(),
            )
        # Not as a query, which takes three times as long for one row.
        return pl.DataFrame(
            [retyped(table[n], like, "the new edges") for n, like in held.items()]
        )

    def check_new(
        self,
        name: str,
        source: np.ndarray,
        target: np.ndarray,
        time: np.ndarray | None,
        table: pl.DataFrame,
    ) -> None:
        """Raise DataError if the columns of new edges do not fit one another."""
        if (time is None) == (self.time is not None):
            raise DataError(
                f"edges {name!r} have {'a' if self.time else 'no'} time, and "
                f"{'none' if time is None else 'one'} was given."
            )
        counts = {"sources": len(source), "targets": len(target)}
        if time is not None:
            counts["times"] = len(time)
        if table.width:
            counts["rows of features"] = table.height
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{count} {what}" for what, count in counts.items())
            raise DataError(f"new edges {name!r} have {said}. Give one for each edge.")
        if set(table.columns) != set(self.features.columns):
            raise DataError(
                f"edges {name!r} have the features "
                f"{', '.join(self.features.columns) or 'none'}, and "
                f"{', '.join(table.columns) or 'none'} were given."
            )

    def check_late(
        self,
        name: str,
        when: Int64[np.ndarray, " n"],
        seconds: int | float,
        tick: Tick,
        rows: Int64[np.ndarray, " n"] | None = None,
    ) -> None:
        """Raise DataError if a new edge is more than ``seconds`` behind the latest.

        The message calls edges by ``rows``; counted from 0 if left out.
        """
        if not len(self) or not len(when):
            return
        oldest = int(when.argmin())
        behind = self.latest - int(when[oldest])
        if lasts_longer(behind, seconds, tick):
            raise DataError(
                f"row {oldest if rows is None else rows[oldest]} of the new edges "
                f"{name!r} is {behind / PER_SECOND[tick]:.15g} seconds older than the "
                f"latest, and this graph takes edges up to {seconds} late. Pass "
                "late_seconds to Graph."
            )

    def appended(
        self,
        rows: tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, " n"]],
        sizes: tuple[int, int],
        when: Int64[np.ndarray, " n"] | None,
        features: pl.DataFrame,
    ) -> "EdgeStore":
        """Return these and new edges, numbered on; this value does not change."""
        if self.issued != self.count:
            return self.compacted().appended(rows, sizes, when, features)
        held = self.count
        number = np.arange(held, held + len(rows[0]), dtype=np.int64)
        strength = self.strength
        if strength is not None and self.weight is not None:
            strength = strength.extended(numbers(features, self.weight))
        weights = strength.values if strength is not None else NO_WEIGHT
        here, there = rows
        # Not by replace(), which takes several times as long.
        return EdgeStore(
            self.source,
            self.target,
            with_edges(self.out, here, there, when, number, sizes[0], weights),
            with_edges(self.back, there, here, when, number, sizes[1], weights),
            self.time,
            self.weight,
            self.table.extended(features),
            strength,
            self.origin,
            held + len(number),
            held + len(number),
            max(self.latest, _latest_time(when)),
            self.revisions.appended(held, self.latest, when),
        )

    def before(self, clock: int) -> "EdgeStore":
        """Return a view of what happened strictly before ``clock``."""
        out = self.out.before(clock)
        return replace(
            self,
            out=out,
            back=self.back.before(clock),
            count=int(out.degree().sum()),
            latest=out.latest,
        )

    def compacted(self, spare: float = 0.0) -> "EdgeStore":
        """Return the same edges with rows close together; see ``TemporalCSR``.

        Those of a view of the past are numbered anew, in the same order.
        """
        out, back = self.out.compacted(spare), self.back.compacted(spare)
        if self.issued == self.count:
            return replace(self, out=out, back=back, table=self.table.rechunked())
        kept = np.sort(out.edge[out.slots()]).astype(np.int64)
        strength = self.strength
        if strength is not None:
            strength = Column(strength.values[kept])
        weights = strength.values if strength is not None else NO_WEIGHT
        table = self.features[kept] if self.features.width else self.features
        return replace(
            self,
            out=out.renumbered(kept, weights),
            back=back.renumbered(kept, weights),
            table=Table(table),
            strength=strength,
            issued=self.count,
        )


_NEVER = int(np.iinfo(np.int64).min)
_DAMAGED = "If they were opened from a file, open it with verify=True to compare it."

Step = Callable[[EdgeStore | None], EdgeStore]
"""From the edges of a type, if there are any yet, to those with new ones."""


def _latest_time(when: Int64[np.ndarray, " n"] | None) -> int:
    return span(when)[1] if when is not None and len(when) else _NEVER
