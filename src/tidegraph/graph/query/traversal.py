"""Queries: from some nodes along edges to a table, each step right in time.

A clock travels with every traverser: a hop over a timed edge sees only what is strictly
before it, and whoever arrives has the edge's time for a clock.
"""

from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
import polars as pl
from jaxtyping import Int64

from tidegraph.arguments import LEFT_OUT, checked
from tidegraph.data.ids.unknown import rows_of_all
from tidegraph.errors import ConfigError, RequestError
from tidegraph.graph.query.batch import batch_of
from tidegraph.graph.query.columns import column, columns_of, time_column
from tidegraph.graph.query.filters import check, holds
from tidegraph.graph.query.hop import follow_edge, follow_edge_both_ways, has_edge
from tidegraph.graph.query.traversers import START, Begun, Traversers, random_keys
from tidegraph.graph.sampling.seeds import Plan, Seeds, check_plan
from tidegraph.graph.snapshot import Snapshot, reverse
from tidegraph.graph.storage.ingest import id_column
from tidegraph.graph.storage.tcsr import NOW
from tidegraph.graph.times import moments, ticks_in, window
from tidegraph.kernels.keyed_rng import Keys, mixed_keys
from tidegraph.ranges import at_least

_NO_CLOCK = "within() looks back from a clock; say before(time), not all_time()."


@dataclass(frozen=True, eq=False)
class Query:
    """Nodes that were reached from some starts; every step returns another query.

    Attributes:
        graph: The snapshot that is queried.
        begun: Where it began.
        type: Type of the nodes reached.
        at: The nodes reached.
        via: The edge that led here; none at the start.
        kept: What ``as_`` kept of earlier nodes.
        span: How far back from the clock the next hops look, in ticks.
    """

    graph: Snapshot
    begun: Begun
    type: str
    at: Traversers
    via: str | None
    kept: pl.DataFrame
    span: int | None = None

    @classmethod
    def start(cls, graph: Snapshot, name: str, ids: object) -> "Query":
        """Begin at the nodes of some ids, or at all nodes of a type.

        Raises:
            RequestError: An id is not in the graph.
        """
        known = graph.typed(name).vocabulary
        if ids is LEFT_OUT:
            node = np.flatnonzero(known.ids.is_not_null()).astype(np.int32)
        else:
            node = rows_of_all(known, id_column(ids), name)
        origin = np.arange(len(node))
        at = Traversers(origin, node, None, np.full(len(node), -1, np.int64))
        return cls(graph, Begun(name, node, None), name, at, None, pl.DataFrame())

    def before(self, times: object) -> "Query":
        """Set the clock: hops see only what is strictly before it.

        Args:
            times: Unix seconds, a datetime or ISO text; one for all starts, or each.
        """
        return self._with_clock(moments(times, len(self.begun.node), self.graph.tick))

    def all_time(self) -> "Query":
        """See every edge, whatever its time."""
        if self.span is not None:
            raise ConfigError(_NO_CLOCK)
        return self._with_clock(np.full(len(self.begun.node), NOW, np.int64))

    @checked(RequestError)
    def within(
        self, *, days: int | float = 0, hours: int | float = 0, seconds: int | float = 0
    ) -> "Query":
        """Let the next hops look no further back from the clock than this."""
        if self.at.clock is not None and bool((self.at.clock == NOW).any()):
            raise ConfigError(_NO_CLOCK)
        wide = window(days, hours, seconds)
        return replace(self, span=ticks_in(wide, self.graph.tick))

    def rewind(self) -> "Query":
        """Set the clock back to that of the start."""
        if self.begun.clock is None:
            return self
        clock = self.begun.clock[self.at.origin]
        return replace(self, at=self.at._replace(clock=clock))

    @checked(RequestError)
    def out(self, edge: str) -> "Query":
        """Go along an edge to every node it leads to; ``~`` goes against it.

        Raises:
            LeakageError: The edge has times, and no clock was set.
            RequestError: The edge does not start here.
        """
        there = self._type_reached(edge)
        at, parent = follow_edge(self.graph, edge, self.at, self.span)
        return self._moved_to(there, at, parent, edge)

    @checked(RequestError)
    def in_(self, edge: str) -> "Query":
        """Go against an edge to every node it starts from."""
        return self.out(reverse(edge))

    @checked(RequestError)
    def both(self, edge: str) -> "Query":
        """Go along an edge and against it, such as to all whom friends are linked to.

        Raises:
            LeakageError: The edge has times, and no clock was set.
            RequestError: The edge does not join nodes of the type that is here.
        """
        if self._type_reached(edge) != self.type:
            raise RequestError(
                f"{edge!r} leads to {self.graph.ends(edge)[1]!r}, so both ways are "
                "not of one type. Use out() or in_()."
            )
        at, parent = follow_edge_both_ways(self.graph, edge, self.at, self.span)
        return self._moved_to(self.type, at, parent, edge)

    @checked(RequestError)
    def not_yet(self, edge: str) -> "Query":
        """Keep the nodes that their start has no edge to, as of the start's clock.

        So ``.out("click").in_("click").out("click").not_yet("click")`` are the items of
        others that a user has not clicked.

        Raises:
            LeakageError: The edge has times, and no clock was set.
            RequestError: The edge does not lead from the start to here.
        """
        if self.graph.ends(edge) != (self.begun.type, self.type):
            raise RequestError(
                f"{edge!r} leads from {' to '.join(self.graph.ends(edge))}, and the "
                f"query went from {self.begun.type} to {self.type}."
            )
        seen = has_edge(self.graph, edge, self.begun, self.at)
        return self._rows_taken(np.flatnonzero(~seen))

    def where(self, *conditions: pl.Expr) -> "Query":
        """Keep the nodes for which polars expressions over the columns hold."""
        kept = np.ones(len(self), np.bool_)
        time = time_column(self.graph, self.type, self.via, self._labels)
        for condition in conditions:
            names = check(condition).meta.root_names()
            table = self.frame(*names) if names else self.frame(START)
            kept &= holds(table, condition, time)
        return self._rows_taken(np.flatnonzero(kept))

    @checked(RequestError)
    def top(self, count: int, *, by: str, smallest: bool = False) -> "Query":
        """Keep the ``count`` nodes of each start that are largest in a column."""
        values = self._column(by)
        if values.dtype.is_float():
            # To polars NaN is above all numbers; here it is unknown.
            values = values.fill_nan(None)
        table = pl.DataFrame({"origin": self.at.origin, "by": values})
        order = table.select(
            pl.arg_sort_by(
                "origin",
                "by",
                descending=[False, not smallest],
                nulls_last=True,
                maintain_order=True,
            )
        ).to_series()
        return self._rows_taken(order.to_numpy().astype(np.int64)).limit(count)

    @checked(RequestError)
    def sample(self, count: int, *, seed: int = 0) -> "Query":
        """Keep ``count`` nodes of each start, each subset as likely."""
        mixed = self._rows_taken(np.lexsort((self._random_keys(seed), self.at.origin)))
        return mixed.limit(count)

    @checked(RequestError)
    def limit(self, count: int) -> "Query":
        """Keep the first ``count`` nodes of each start."""
        at_least("limit", 0, count=count)
        origin = self.at.origin
        order = np.argsort(origin, kind="stable")
        first = np.searchsorted(origin[order], origin[order])
        return self._rows_taken(np.sort(order[np.arange(len(order)) - first < count]))

    def dedup(self) -> "Query":
        """Keep the first time that each start reached a node."""
        table = pl.DataFrame({"origin": self.at.origin, "node": self.at.node})
        first = table.select(pl.struct("origin", "node").is_first_distinct())
        return self._rows_taken(np.flatnonzero(first.to_series().to_numpy()))

    @checked(RequestError)
    def as_(self, label: str) -> "Query":
        """Keep the ids of these nodes as a column ``label`` of later frames."""
        ids = self.graph.nodes[self.type].vocabulary.decode(self.at.node).alias(label)
        if label in self._labels:
            raise RequestError(f"there is a column {label!r} already. Choose another.")
        return replace(self, kept=pl.DataFrame([*self.kept.iter_columns(), ids]))

    @checked(RequestError)
    def frame(self, *columns: str) -> pl.DataFrame:
        """Return columns of the nodes reached, a row for each.

        A column is the key or a feature of the node, the time or a feature of the edge
        that led there, ``start``, or what ``as_`` kept. Where two have columns of one
        name, say ``item.price`` or ``click.start``; ``start`` and what was kept have it
        plain.

        Args:
            columns: Names; all there are if left out.

        Raises:
            RequestError: There is no such column.
        """
        held = columns_of(self.graph, self.type, self.via, self._labels)
        names = columns or (*self._labels, *held)
        return pl.DataFrame([self._column(n).alias(n) for n in dict.fromkeys(names)])

    def ids(self) -> pl.Series:
        """Return the raw ids of the nodes reached."""
        return self.graph.nodes[self.type].vocabulary.decode(self.at.node)

    def count(self) -> pl.DataFrame:
        """Return how many nodes each start reached, ``start`` and ``count``."""
        sizes = np.bincount(self.at.origin, minlength=len(self.begun.node))
        return pl.DataFrame({START: self._start_ids(), "count": sizes})

    def group_count(self) -> pl.DataFrame:
        """Return how often each start reached each node, most often first."""
        key = self.graph.nodes[self.type].key
        table = pl.DataFrame({"origin": self.at.origin, "node": self.at.node})
        counted = table.group_by("origin", "node", maintain_order=True).len("count")
        counted = counted.sort(
            "origin", "count", descending=[False, True], maintain_order=True
        )
        ids = self.graph.nodes[self.type].vocabulary.decode(counted["node"].to_numpy())
        starts = self._start_ids().gather(counted["origin"])
        return pl.DataFrame([starts, ids.alias(key), counted["count"]])

    @checked(RequestError)
    def with_(self, *, seed: int = 0, **plans: Plan) -> Any:
        """Return what plans take around the nodes, a named tuple with a field each.

        Raises:
            RequestError: A plan starts from another type of node.
        """
        if self.span is not None:
            raise ConfigError(
                "within() narrows the hops of a query. Say it in the plan: "
                "hop('click').within(days=7)."
            )
        nodes = Seeds(self.at.node, self.at.clock, self._random_keys(seed), seed=seed)
        found: list[Any] = []
        for name, plan in plans.items():
            check_plan(name, plan)
            begins = plan.start(self.graph)
            if begins not in (None, self.type):
                raise RequestError(
                    f"plan {name!r} starts from {begins!r}, and the query is at "
                    f"{self.type!r}."
                )
            # Each plan draws on its own, whatever other plans there are.
            keys = mixed_keys(nodes.key, crc32(name.encode()))
            found.append(plan.sample(self.graph, nodes._replace(key=keys)))
        return batch_of(tuple(plans), found)

    def __len__(self) -> int:
        return len(self.at.node)

    def __repr__(self) -> str:
        via = f" via {self.via!r}" if self.via else ""
        starts = len(self.begun.node)
        return f"Query({len(self)} {self.type!r} nodes{via}, from {starts} starts)"

    def _random_keys(self, seed: int) -> Keys:
        origin = None if self.via is None else self.at.origin
        return random_keys(seed, len(self.begun.node), origin)

    def _type_reached(self, edge: str) -> str:
        """Return the type that an edge leads to, which must start here."""
        here, there = self.graph.ends(edge)
        if here != self.type:
            leads = self.graph.leading_from(self.type)
            raise RequestError(
                f"{edge!r} starts from {here!r}, and the query is at {self.type!r}. "
                f"From there lead: {', '.join(leads) or 'none'}."
            )
        return there

    def _moved_to(
        self, type: str, at: Traversers, parent: Int64[np.ndarray, " n"], edge: str
    ) -> "Query":
        kept = self.kept[parent] if self.kept.width else self.kept
        return replace(self, type=type, at=at, via=edge, kept=kept)

    def _with_clock(self, clock: Int64[np.ndarray, " starts"]) -> "Query":
        if self.via is not None:
            raise RequestError(
                "the clock is set at the start of a query, before the first hop."
            )
        return replace(
            self,
            begun=self.begun._replace(clock=clock),
            at=self.at._replace(clock=clock[self.at.origin]),
        )

    def _rows_taken(self, rows: Int64[np.ndarray, " m"]) -> "Query":
        kept = self.kept[rows] if self.kept.width else self.kept
        if self.via is None:
            # At the start, what is left is where the query begins.
            begun, clock = self.begun, self.begun.clock
            node = begun.node[rows]
            clock = None if clock is None else clock[rows]
            at = Traversers(np.arange(len(node)), node, clock, self.at.slot[rows])
            begun = begun._replace(node=node, clock=clock)
            return replace(self, begun=begun, at=at, kept=kept)
        at = self.at
        clock = None if at.clock is None else at.clock[rows]
        taken = Traversers(at.origin[rows], at.node[rows], clock, at.slot[rows])
        return replace(self, at=taken, kept=kept)

    def _start_ids(self) -> pl.Series:
        known = self.graph.nodes[self.begun.type].vocabulary
        return known.decode(self.begun.node).alias(START)

    def _column(self, name: str) -> pl.Series:
        if name == START:
            return self._start_ids().gather(self.at.origin)
        if name in self.kept.columns:
            return self.kept[name]
        return column(self.graph, self.type, self.via, self.at, name, self._labels)

    @property
    def _labels(self) -> tuple[str, ...]:
        """Columns that are not of what was reached last."""
        return (START, *self.kept.columns)
