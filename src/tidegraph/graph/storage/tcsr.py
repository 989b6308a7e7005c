"""Time-sorted neighbours of every node, in one direction of one edge type."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int, Int32, Int64, UInt64

from tidegraph.graph.storage.active_nodes import ActiveNodes
from tidegraph.graph.storage.append import Arena, Slots, rows_laid_out
from tidegraph.graph.storage.build import sorted_edges
from tidegraph.graph.storage.has_edge import NeighborIndex
from tidegraph.graph.storage.histories import Histories
from tidegraph.graph.storage.kept_index import Indexes, SlotRows
from tidegraph.graph.storage.row_bounds import RowBounds
from tidegraph.graph.walks.uniform import packed_rows
from tidegraph.kernels.binary_search import lower_bounds, write_lower_bounds
from tidegraph.kernels.jit import over_rows, sealed
from tidegraph.kernels.ragged import ranges, starts
from tidegraph.kernels.weighted_draw import PrefixSums

NOW = np.iinfo(np.int64).max
"""A clock that every event is before."""
NO_WEIGHT = np.zeros(0, np.float32)
"""Stands for a weight of 1 on every edge."""


@dataclass(frozen=True, eq=False)
class TemporalCSR:
    """The edges of every node in time order; a value that never changes.

    An edge takes 12 bytes here, 8 if it has no time: the other end, ticks since
    ``base`` (seconds, unless the graph counts finer) and the edge's number. Two more
    bounds per node say where its row is. Times that do not fit 32 bits, such as 68
    years of seconds, take 8 bytes, and so do numbers from 2^31 on. Weights stand once
    per edge, for both directions.

    Attributes:
        bounds: Where each node's row starts and stops. Rows need not touch: there may
            be room to grow between.
        node: The other end.
        time: Ticks since ``base``, never falling within a row; empty if untimed.
        base: A tick.
        edge: Number of each edge, in the order in which the edges were given.
        weight: Strength by edge number; empty if each is 1.
        is_timed: Does each edge have a time?
        arena: Who may write behind the rows; see ``append``.
        version: The number of this value among those that share the arena.
        indexes: What those values look up, kept up with their rows.
    """

    bounds: RowBounds
    node: Int32[np.ndarray, " slots"]
    time: Int[np.ndarray, " times"]
    base: int
    edge: Int[np.ndarray, " slots"]
    weight: Float32[np.ndarray, " edges"]
    is_timed: bool
    arena: Arena | None
    version: int
    indexes: Indexes = field(default_factory=Indexes)

    @classmethod
    def build(
        cls,
        source: Int32[np.ndarray, " events"],
        target: Int32[np.ndarray, " events"],
        time: Int64[np.ndarray, " events"] | None,
        num_nodes: int,
        weight: Float32[np.ndarray, " weights"] = NO_WEIGHT,
    ) -> "TemporalCSR":
        """Group edges by source with a stable counting sort, in O(edges).

        Args:
            source: Row of the node each edge starts from.
            target: Row of the other end.
            time: Ticks, in any order, ties keeping theirs; none if untimed.
            num_nodes: How many nodes there are; every source is below it.
            weight: Strength of each edge; empty if each is 1.
        """
        timed = time is not None
        when = np.zeros(0, np.int64) if time is None else time
        rows = sorted_edges(source, target, when, num_nodes)
        bounds = RowBounds.of(rows.start, rows.stop)
        slots = (rows.node, rows.time, rows.base, rows.edge)
        return cls(bounds, *slots, weight, timed, None, 0)

    def __len__(self) -> int:
        return len(self.bounds)

    def __getstate__(self) -> dict[str, object]:
        """Copy and hand over the edges, not who may write behind them."""
        tidy = self.compacted()
        bounds = RowBounds.of(tidy.start, tidy.stop)
        alone = replace(tidy, bounds=bounds, arena=None, version=0, indexes=Indexes())
        return vars(alone)

    @property
    def start(self) -> Int64[np.ndarray, " nodes"]:
        """Where each node's row starts."""
        return self.bounds.whole[0]

    @property
    def stop(self) -> Int64[np.ndarray, " nodes"]:
        """Where each node's row stops."""
        return self.bounds.whole[1]

    @property
    def latest(self) -> int:
        """Tick of the last edge; the smallest integer if there is none."""
        last = self.stop[self.stop > self.start] - 1
        if not self.is_timed or not len(last):
            return int(np.iinfo(np.int64).min)
        return int(self.time_at(last).max())

    @property
    def used(self) -> int:
        """How many slots are used: by edges, as room to grow, and left behind."""
        return len(self.node) if self.arena is None else self.arena.tail

    @property
    def bytes_per_edge(self) -> int:
        """Bytes an edge takes in this direction, weights and features aside."""
        timed = self.time.itemsize if self.is_timed else 0
        return self.node.itemsize + self.edge.itemsize + timed

    def degree(self) -> Int64[np.ndarray, " nodes"]:
        """Return how many edges each node has in all."""
        return self.stop - self.start

    @cached_property
    def prefix_sums(self) -> PrefixSums:
        """Total weight of each row before and through each slot."""
        return self.indexes.sums.of(self.slot_rows)

    def packing_pays(self, share: float) -> bool:
        """Note that part of ``packed_rows`` is wanted; does making all pay by now?"""
        self._wanted[0] += share
        return "packed_rows" in self.__dict__ or self._wanted[0] >= 1

    @cached_property
    def _wanted(self) -> list[float]:
        return [0.0]

    @cached_property
    def packed_rows(self) -> UInt64[np.ndarray, " rows"] | None:
        """Start and length of each row in one number; see ``uniform_walks``."""
        return packed_rows(self.start, self.stop, self.used)

    @cached_property
    def neighbor_index(self) -> NeighborIndex:
        """What tells whether two nodes have an edge; see ``has_edge``."""
        return self.indexes.neighbors.of(self.slot_rows)

    @cached_property
    def alive(self) -> ActiveNodes:
        """The nodes with an edge, and the node of every edge, by time."""
        return self.indexes.active.of(self.slot_rows)

    @cached_property
    def least_weight(self) -> float:
        """The least weight of all edges, also of later ones; infinite if each is 1."""
        return self.indexes.least_weight.of(self.slot_rows)[1]

    @cached_property
    def negative_since(self) -> int:
        """Tick of the first edge that weighs less than 0; ``NOW`` if none does."""
        if self.least_weight >= 0:
            return NOW
        slots = self.slots()
        below = slots[self.weight_at(slots) < 0]
        if not self.is_timed:
            return int(np.iinfo(np.int64).min) if len(below) else NOW
        return int(self.time_at(below).min(initial=NOW))

    @property
    def slot_rows(self) -> SlotRows:
        """What its indexes are made from."""
        slots = (self.node, self.time, self.base, self.edge)
        return SlotRows(self.bounds, *slots, self.weight, self.version, self.used)

    def weighted(
        self, by: str, weight: Float32[np.ndarray, " weights"]
    ) -> "TemporalCSR":
        """Return the same edges with a feature, by edge number, as strength; kept."""
        if by not in self._weighted:
            indexes = self.indexes.weighing(by)
            self._weighted[by] = replace(self, weight=weight, indexes=indexes)
        return self._weighted[by]

    @cached_property
    def _weighted(self) -> "dict[str, TemporalCSR]":
        return {}

    def before(self, clock: int) -> "TemporalCSR":
        """Return the same nodes with only what happened strictly before ``clock``.

        A view: nothing is copied but one bound per node.
        """
        if not self.is_timed:
            return self
        clocks = np.full(len(self), clock, np.int64)
        stop = lower_bounds(self.time, self.base, self.start, self.stop, clocks)
        bounds = RowBounds.of(self.start, stop)
        return replace(self, bounds=bounds, arena=None, indexes=Indexes())

    def span(
        self, nodes: Int32[np.ndarray, " q"]
    ) -> tuple[Int64[np.ndarray, " q"], Int64[np.ndarray, " q"]]:
        """Return where the row of each node starts and stops, whatever the time."""
        return self.bounds.at(nodes)

    def span_before(
        self,
        nodes: Int32[np.ndarray, " q"],
        clocks: Int64[np.ndarray, " q"],
        window: int | None = None,
    ) -> tuple[Int64[np.ndarray, " q"], Int64[np.ndarray, " q"]]:
        """Return where each node's edges before its clock start and stop.

        Args:
            nodes: Rows of nodes; a row outside the graph has no edges.
            clocks: Tick of each query; only strictly earlier edges count.
            window: Only edges at most so many ticks older than the clock.
        """
        if not self.is_timed:
            return self.span(nodes)
        (low, high), read = self.bounds.reading(nodes)
        stop = np.empty(len(nodes), np.int64)
        time, base, (clocks,) = self._sealed_time, self.base, sealed(clocks)

        def block(a: int, b: int) -> None:
            read(a, b)
            write_lower_bounds(time, base, low, high, clocks, stop, a, b)

        over_rows(block, len(nodes), grain=2048)
        if window is not None:
            low = lower_bounds(time, base, low, stop, clocks - window)
        return low, stop

    @cached_property
    def _sealed_time(self) -> Int[np.ndarray, " times"]:
        return sealed(self.time)[0]

    def histories(
        self, nodes: Int32[np.ndarray, " q"], times: Int64[np.ndarray, " q"]
    ) -> Histories:
        """Return each node's events strictly before its time, oldest first.

        Args:
            nodes: Rows of nodes; a row outside the graph has no events.
            times: Each query's clock.
        """
        start, stop = self.span_before(nodes, times)
        ptr = starts(stop - start)
        return self.histories_at(ptr, ranges(start, ptr))

    def histories_at(
        self, ptr: Int64[np.ndarray, " starts"], slots: Int64[np.ndarray, " events"]
    ) -> Histories:
        """Return the events at some slots, laid end to end as ``ptr`` says."""
        when, weight = self.time_at(slots), self.weight_at(slots)
        return Histories(ptr, self.node[slots], when, weight)

    def time_at(self, slots: Int64[np.ndarray, " s"]) -> Int64[np.ndarray, " s"]:
        """Return the ticks of some slots; 0 for edges without time."""
        if not self.is_timed:
            return np.zeros(len(slots), np.int64)
        return self.time[slots].astype(np.int64) + self.base

    def weight_at(self, slots: Int64[np.ndarray, " s"]) -> Float32[np.ndarray, " s"]:
        """Return the strengths of some slots."""
        return self.strength_of(self.edge[slots])

    def strength_of(self, edge: Int[np.ndarray, " e"]) -> Float32[np.ndarray, " e"]:
        """Return the strengths of some edges, by their numbers."""
        if not len(self.weight):
            return np.ones(len(edge), np.float32)
        return self.weight[edge]

    def slots(self) -> Int64[np.ndarray, " edges"]:
        """Return the place of every edge, node by node."""
        return ranges(self.start, starts(self.degree()))

    def owners(self) -> Int32[np.ndarray, " edges"]:
        """Return the node that each of ``slots`` belongs to."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.degree())

    def compacted(self, spare: float = 0.0) -> "TemporalCSR":
        """Return the same edges with rows one behind the other; itself if they are.

        Args:
            spare: Room to grow that each row gets, as a share of its length.
        """
        tight = bool((self.start[1:] == self.stop[:-1]).all())
        if tight and not spare and len(self.node) == self.degree().sum():
            return self
        slots = Slots(self.node, self.time, self.edge)
        bounds, slots, arena = rows_laid_out(self.bounds, slots, spare)
        place = (self.base, self.weight, arena, arena.newest)
        return self.in_arena(bounds, slots, *place)

    def renumbered(
        self, kept: Int64[np.ndarray, " edges"], weight: Float32[np.ndarray, " weights"]
    ) -> "TemporalCSR":
        """Return the same edges, the n-th of the numbers ``kept`` as number n."""
        edge = np.searchsorted(kept, self.edge).astype(self.edge.dtype)
        alone = {"arena": None, "version": 0, "indexes": Indexes()}
        return replace(self, edge=edge, weight=weight, **alone)

    def in_arena(
        self,
        bounds: RowBounds,
        slots: Slots,
        base: int,
        weight: Float32[np.ndarray, " weights"],
        arena: Arena,
        version: int,
    ) -> "TemporalCSR":
        """Return the edges that a writer has laid out in its arena.

        Args:
            bounds: Where each node's row starts and stops.
            slots: What stands there.
            base: The tick that their times count from.
            weight: Strength by edge number.
            arena: Who may write behind the rows.
            version: The number of the new value among those that share the arena.
        """
        # Elsewhere, the slots are others.
        indexes = self.indexes if arena is self.arena else Indexes()
        rows = (slots.node, slots.time, base, slots.edge, weight)
        return TemporalCSR(bounds, *rows, self.is_timed, arena, version, indexes)
