"""Batches of edges to train on, with what plans take around both ends."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32, Int64

from tidegraph.arguments import checked
from tidegraph.errors import ConfigError, RequestError
from tidegraph.graph.query.batch import batch_of
from tidegraph.graph.query.filters import check, holds
from tidegraph.graph.sampling.seeds import Plan, Seeds, check_plan
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.times import seconds_of, span_of
from tidegraph.kernels.jit import compiled
from tidegraph.kernels.keyed_rng import check_seed, mixed_keys, root_keys
from tidegraph.kernels.ragged import owners, ranges, starts
from tidegraph.small_arrays import never_fall, span


@dataclass(frozen=True, eq=False)
class EdgeLoader:
    """Edges of one type in some order, in batches, with plans for both their ends.

    Iterating yields named tuples: ``source``, ``target`` (rows of nodes), ``time``
    (ticks), ``weight``, ``edge`` (numbers), then a field for each plan.

    Attributes:
        graph: The snapshot that is queried.
        name: The edge type.
        slot: Places of the edges, in the order in which they are batched.
        source: The node each starts from.
        size: Edges in a batch; all in one if not said.
        seed: Of the random keys.
        plans: Name to plan.
    """

    graph: Snapshot
    name: str
    slot: Int64[np.ndarray, " n"]
    source: Int32[np.ndarray, " n"]
    size: int | None = None
    seed: int = 0
    plans: Mapping[str, Plan] = field(default_factory=dict[str, Plan])

    @classmethod
    def start(
        cls, graph: Snapshot, name: str, between: tuple[object, object] | None
    ) -> "EdgeLoader":
        """Begin at the edges of a type, oldest first.

        Args:
            graph: The snapshot that is queried.
            name: Edge type; with ``~`` source and target change places.
            between: Only edges from the first moment on and before the second.

        Raises:
            RequestError: Moments are given, and the edges have no time.
        """
        edges = graph[name]
        low, high = edges.start, edges.stop
        if between is not None:
            if not edges.is_timed:
                raise RequestError(f"edges {name!r} have no time to be between.")
            first, last = (
                np.full(len(edges), end) for end in span_of(between, graph.tick)
            )
            nodes = np.arange(len(edges), dtype=np.int32)
            low = edges.span_before(nodes, first)[1]
            high = np.maximum(low, edges.span_before(nodes, last)[1])
        ptr = starts(high - low)
        slot = ranges(low, ptr)
        source = owners(ptr).astype(np.int32)
        order = _order_by_time(edges, slot)
        return cls(graph, name, slot[order], source[order])

    def where(self, *conditions: pl.Expr) -> "EdgeLoader":
        """Keep the edges for which polars expressions over their features hold."""
        edges = self.graph.edge(self.name)
        table = edges.features[self._edges.edge[self.slot]]
        if edges.time is not None:
            time = seconds_of(self._edges.time_at(self.slot), self.graph.tick)
            table = table.with_columns(pl.Series(edges.time, time))
        kept = np.ones(len(self.slot), np.bool_)
        for condition in conditions:
            kept &= holds(table, check(condition), edges.time)
        return self._reordered(np.flatnonzero(kept))

    @checked(RequestError)
    def shuffle(self, seed: int = 0, *, together: str | None = None) -> "EdgeLoader":
        """Put the edges in a random order.

        Args:
            seed: Of the order, and of what plans draw.
            together: ``"source"`` or ``"target"``: keep the edges of one next to each
                other, oldest first. Their sub-graphs overlap, so a batch of them has
                far fewer unique states.
        """
        if together not in (None, "source", "target"):
            raise ConfigError(
                f"together is {together!r}; it must be 'source' or 'target'."
            )
        check_seed(seed)
        rng = np.random.default_rng(seed)
        if together is None:
            order = rng.permutation(len(self.slot))
        else:
            whose = self.source if together == "source" else self._targets(self.slot)
            place = rng.permutation(int(whose.max(initial=-1)) + 1)
            order = np.argsort(place[whose], kind="stable")
        return replace(self._reordered(order), seed=seed)

    @checked(RequestError)
    def batch(self, size: int) -> "EdgeLoader":
        """Cut the edges into batches of ``size``; the last may be smaller."""
        if size < 1:
            raise ConfigError(f"batch({size}) holds nothing; at least 1.")
        return replace(self, size=size)

    @checked(RequestError)
    def with_(self, **plans: Plan) -> "EdgeLoader":
        """Bring along what plans take around an end of each edge, as of its time.

        A plan is run at the end whose type it starts from. Where both ends have that
        type, one named ``dst`` is run at the target, any other at the source.

        Raises:
            RequestError: A plan starts from neither end.
        """
        taken = {"source", "target", "time", "weight", "edge"} & set(plans)
        if taken:
            raise RequestError(f"a batch has a {taken.pop()!r} already. Choose a name.")
        made = replace(self, plans={**self.plans, **plans})
        for name, plan in plans.items():
            check_plan(name, plan)
            made._at_target(name, plan)
        return made

    def __len__(self) -> int:
        return -(-len(self.slot) // self._size)

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches."""
        names = ("source", "target", "time", "weight", "edge", *self.plans)
        for first in range(0, len(self.slot), self._size):
            yield batch_of(names, self._batch_from(first))

    def __repr__(self) -> str:
        plans = ", ".join(f"{name}={plan}" for name, plan in self.plans.items())
        return f"EdgeLoader({len(self.slot)} {self.name!r} edges; {plans})"

    @property
    def _size(self) -> int:
        return self.size or max(len(self.slot), 1)

    @property
    def _edges(self) -> TemporalCSR:
        return self.graph[self.name]

    def _reordered(self, order: Int64[np.ndarray, " m"]) -> "EdgeLoader":
        return replace(self, slot=self.slot[order], source=self.source[order])

    def _targets(self, slot: Int64[np.ndarray, " m"]) -> Int32[np.ndarray, " m"]:
        return self._edges.node[slot]

    def _batch_from(self, first: int) -> tuple[Any, ...]:
        slot = self.slot[first : first + self._size]
        source, target = self.source[first : first + self._size], self._targets(slot)
        edges = self._edges
        time = edges.time_at(slot)
        weight: Float32[np.ndarray, " b"] = edges.weight_at(slot)
        fields: list[Any] = [source, target, time, weight, edges.edge[slot]]
        for name, plan in self.plans.items():
            # Each plan draws on its own, whatever other plans there are.
            keys = root_keys(self.seed, first, len(slot))
            keys = mixed_keys(keys, crc32(name.encode()))
            ends, types = (source, target), self.graph.ends(self.name)
            if self._at_target(name, plan):
                ends, types = ends[::-1], types[::-1]
            clock = time if edges.is_timed else None
            seeds = Seeds(ends[0], clock, keys, ends[1], self.seed, other_type=types[1])
            fields.append(plan.sample(self.graph, seeds))
        return tuple(fields)

    def _at_target(self, name: str, plan: Plan) -> bool:
        source, target = self.graph.ends(self.name)
        begins = plan.start(self.graph)
        if begins is None or source == target == begins:
            return name == "dst"
        if begins not in (source, target):
            raise RequestError(
                f"plan {name!r} starts from {begins!r}, and {self.name!r} joins "
                f"{source!r} and {target!r}."
            )
        return begins == target


def _order_by_time(
    edges: TemporalCSR, slot: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Return the order of slots by time, then by edge number, in O(n) as a rule."""
    number = edges.edge[slot]
    least, most = span(number) if len(number) else (0, 0)
    if len(number) and most - least < 8 * len(number) + 1024:
        order = _order_by_number(number, least, most)
    else:
        order = np.argsort(number, kind="stable")
    time = edges.time[slot] if edges.is_timed else np.zeros(0, np.int32)
    ordered = time[order] if len(time) else time
    if not never_fall(ordered):
        # Edges were not given in time order.
        order = order[np.argsort(ordered, kind="stable")]
    return order


@compiled
def _order_by_number(number: np.ndarray, least: int, most: int) -> np.ndarray:
    place = np.full(most - least + 1, -1, np.int64)
    for j in range(number.size):
        place[number[j] - least] = j
    order = np.empty(number.size, np.int64)
    found = 0
    for at in place:
        if at >= 0:
            order[found] = at
            found += 1
    return order
