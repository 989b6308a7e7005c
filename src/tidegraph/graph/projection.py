"""Item-item graphs induced from what people did one after the other."""

from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from tidegraph.arguments import settings
from tidegraph.data.times.ticks import PER_SECOND
from tidegraph.errors import DataError
from tidegraph.graph.live import Graph
from tidegraph.graph.snapshot import Snapshot, reverse
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.times import moments, whole_ticks_in
from tidegraph.kernels.binary_search import lower_bound
from tidegraph.kernels.jit import compiled, over_rows
from tidegraph.kernels.topk import stable_order
from tidegraph.ranges import above, from_0_to_1

_FOREVER = 2**62
_ITEMS = 256
"""Items a thread takes at once, so that its scratch space is made seldom."""


class Induced(NamedTuple):
    """Edges between items, by source, then by target.

    Attributes:
        source: Rows of items.
        target: Rows of items.
        weight: Strength of each edge, above 0.
    """

    source: Int32[np.ndarray, " edges"]
    target: Int32[np.ndarray, " edges"]
    weight: Float32[np.ndarray, " edges"]

    def add_to(self, graph: Graph, name: str, item: str = "item") -> Graph:
        """Add the edges to a graph as a type without time, weighted by ``weight``."""
        ids = graph.snapshot().typed(item).vocabulary
        table = pl.DataFrame(
            {
                "source": ids.decode(self.source),
                "target": ids.decode(self.target),
                "weight": self.weight,
            }
        )
        ends = f"source: {item} -> target: {item}"
        return graph.edges(name, table, ends, weight="weight")


@settings
class CoOccurrence:
    """How two items of one person are linked.

    Each pair of events of a person adds ``decay ** (steps apart - 1)``, times one half
    for each half-life between them. No item is linked to itself.

    Attributes:
        via: Edge type that leads from people to items.
        window: How many of the events that follow count; all of the session if left
            out.
        session_seconds: A longer pause between two events ends the session.
        decay: Factor for each further step between the events, above 0 to 1.
        half_life_seconds: Time between the events that halves their weight.
        directed: Join the earlier to the later item only, rather than both ways.
        keep: Strongest neighbours that each item keeps; all if left out.
    """

    via: str
    window: int | None = None
    session_seconds: int | float | None = None
    decay: float = 1.0
    half_life_seconds: float | None = None
    directed: bool = False
    keep: int | None = None

    def __post_init__(self) -> None:
        above("CoOccurrence", 0, window=self.window, keep=self.keep, decay=self.decay)
        above("CoOccurrence", 0, session_seconds=self.session_seconds)
        above("CoOccurrence", 0, half_life_seconds=self.half_life_seconds)
        from_0_to_1("CoOccurrence", decay=self.decay)

    def induced(self, graph: Snapshot | Graph, *, clock: object = None) -> Induced:
        """Return the edges, from what happened strictly before a clock.

        Exact, in memory that grows with items and edges found, not with events: each
        item goes through its own events and, from each, through its person's.

        Args:
            graph: Who interacted with what.
            clock: Unix seconds, a datetime or ISO text; everything counts if left out.

        Raises:
            DataError: The edge has no times.
        """
        seen = graph.snapshot()
        if clock is not None:
            seen = seen.before(int(moments(clock, 1, seen.tick, "the clock")[0]))
        people, items = seen[self.via], seen[reverse(self.via)]
        if not people.is_timed:
            raise DataError(
                f"edges {self.via!r} have no times, so nothing follows anything. Give "
                "them a time column."
            )
        pause = _FOREVER
        if self.session_seconds is not None:
            pause = whole_ticks_in(self.session_seconds, seen.tick)
        half_life = (self.half_life_seconds or np.inf) * PER_SECOND[seen.tick]
        found: dict[int, tuple[np.ndarray, ...]] = {}

        def block(first: int, last: int) -> None:
            found[first] = _co_occurrence_edges(
                _csr_arrays(people),
                _csr_arrays(items),
                (
                    self.window or _FOREVER,
                    pause,
                    self.keep or _FOREVER,
                    self.directed,
                ),
                (self.decay, half_life),
                first,
                last,
            )

        over_rows(block, len(items), _ITEMS)
        parts = [found[first] for first in sorted(found)]
        if not parts:
            none = np.zeros(0, np.int32)
            return Induced(none, none, np.zeros(0, np.float32))
        return Induced(*(np.concatenate([part[n] for part in parts]) for n in range(3)))


def _csr_arrays(
    side: TemporalCSR,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return side.start, side.stop, side.node, side.time, side.edge


@compiled
def _co_occurrence_edges(
    people: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    items: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    limits: tuple[int, int, int, bool],
    fading: tuple[float, float],
    first: int,
    last: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the edges of items ``first`` to ``last``."""
    keep, directed = limits[2], limits[3]
    total, seen = np.zeros(items[0].size), np.zeros(items[0].size, np.bool_)
    touched = np.empty(items[0].size, np.int32)
    source, target = np.empty(1024, np.int32), np.empty(1024, np.int32)
    weight = np.empty(1024, np.float32)
    filled = 0
    for i in range(first, last):
        found = 0
        for s in range(items[0][i], items[1][i]):
            at = _place_in_row(people, items[2][s], items[3][s], items[4][s])
            if at < 0:
                continue
            found = _add_neighbor_weights(
                people,
                items[2][s],
                at,
                i,
                limits,
                fading,
                total,
                seen,
                touched,
                found,
                1,
            )
            if not directed:
                found = _add_neighbor_weights(
                    *(people, items[2][s], at, i, limits, fading),
                    *(total, seen, touched, found, -1),
                )
        rows = touched[:found]
        # What has faded away to nothing is no edge.
        rows = np.sort(rows[total[rows].astype(np.float32) > 0])
        if rows.size > keep:
            best = stable_order(-total[rows])[:keep]
            rows = np.sort(rows[best])
        while filled + rows.size > source.size:
            source = np.concatenate((source, np.empty_like(source)))
            target = np.concatenate((target, np.empty_like(target)))
            weight = np.concatenate((weight, np.empty_like(weight)))
        for j in range(rows.size):
            source[filled + j] = i
            target[filled + j] = rows[j]
            weight[filled + j] = total[rows[j]]
        filled += rows.size
        for j in range(found):
            total[touched[j]] = 0.0
            seen[touched[j]] = False
    return source[:filled], target[:filled], weight[:filled]


@compiled
def _place_in_row(
    people: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    person: int,
    time: int,
    edge: int,
) -> int:
    """Return where an event stands in its person's row, -1 if it does not."""
    if not 0 <= person < people[0].size:
        return -1
    at = lower_bound(people[3], people[0][person], people[1][person], time)
    while at < people[1][person] and people[4][at] != edge:
        at += 1
    return at if at < people[1][person] else -1


@compiled
def _add_neighbor_weights(
    people: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    person: int,
    at: int,
    item: int,
    limits: tuple[int, int, int, bool],
    fading: tuple[float, float],
    total: np.ndarray,
    seen: np.ndarray,
    touched: np.ndarray,
    found: int,
    way: int,
) -> int:
    """Add what one event's neighbours, forward or back in time, weigh."""
    window, pause = limits[0], limits[1]
    time = people[3]
    factor = 1.0
    for step in range(1, window + 1):
        s = at + way * step
        if s < people[0][person] or s >= people[1][person]:
            break
        if abs(np.int64(time[s]) - np.int64(time[s - way])) > pause:
            break
        other = people[2][s]
        # A graph from a file that was not compared may hold anything.
        if other != item and 0 <= other < total.size:
            apart = abs(np.int64(time[s]) - np.int64(time[at]))
            if not seen[other]:
                seen[other] = True
                touched[found] = other
                found += 1
            total[other] += factor * 0.5 ** (apart / fading[1])
        factor *= fading[0]
    return found
