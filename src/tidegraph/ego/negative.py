"""Negatives as plans: nodes that were not chosen, right in time."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64

from tidegraph.compiled import over_rows
from tidegraph.ego.near import Near
from tidegraph.ego.walk import VisitCount
from tidegraph.errors import ConfigError, RequestError
from tidegraph.graph.asked import Asked
from tidegraph.graph.distribution import Weighing
from tidegraph.graph.membership import ByNode
from tidegraph.graph.negatives import fill, other_rows, strike_met, subsets
from tidegraph.graph.neighbors import NOW, Neighbors
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.weighed import Avoided, weighed

DEGREE = "degree"


class Negatives(NamedTuple):
    """Nodes drawn for each row of a batch.

    Attributes:
        ids: Rows of nodes, -1 where there are not enough to draw.
        mask: Is there a node?
    """

    ids: Int32[np.ndarray, "b k"]
    mask: Bool[np.ndarray, "b k"]


@dataclass(frozen=True)
class Drawn:
    """Negatives drawn from the nodes of a type that are alive at the clock.

    A node is alive once somebody met it, strictly before the clock. Draws are
    independent of one another, so a node may come twice.

    Attributes:
        type: Node type.
        count: How many for each row.
        via: The edge along which nodes of the type are met.
        by: ``"degree"`` to draw in proportion to (edges before the clock) ** power;
            each as likely if left out.
        power: See ``by``; from 0 to 1.
        avoid: Never draw what the row's node met along this edge before the clock.
        ever: Whatever the times of the edges.
    """

    type: str
    count: int
    via: str
    by: str | None = None
    power: float = 1.0
    avoid: str | None = None
    ever: bool = False

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 <= self.power <= 1 or self.by not in (None, DEGREE):
            raise ConfigError(
                f"negatives need a count of at least 1 ({self.count}), a power from 0 "
                f"to 1 ({self.power}), and by='degree' or nothing ({self.by!r})."
            )

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node that the negatives are drawn for."""
        edge = self.via if self.avoid is None else self.avoid
        here, there = graph.ends(edge)
        if self.type != there:
            raise ConfigError(
                f"{edge!r} leads to {there!r}, not to {self.type!r}, of which the "
                "negatives are. Put '~' before the edge to go against it."
            )
        return here

    def __str__(self) -> str:
        text = f"negatives({self.type!r}, {self.count}, by={self.by!r}, "
        text += f"power={self.power}, avoid={self.avoid!r}, via={self.via!r}"
        return f"{text}, all_time={self.ever})"

    def draw(self, graph: Snapshot, asked: Asked) -> Negatives:
        """Return negatives for each row; what it chose is never among them."""
        self.start(graph)
        met_by = graph[_reverse(self.via)]
        pool, clocks = met_by.alive, _clocks(asked, ever=self.ever)
        until = (
            np.searchsorted(pool.born_time, clocks),
            np.searchsorted(pool.time, clocks),
        )
        shape = (len(asked.node), self.count)
        out = np.empty(shape, np.int32)
        power = self.power if self.by == DEGREE else 0.0
        avoided = _avoided(graph, self.avoid, asked)
        other = asked.other if asked.other is not None else np.zeros(0, np.int32)
        rows = (met_by.start, met_by.stop, met_by.time)
        over_rows(
            lambda a, b: fill(
                (pool.born, pool.node),
                until,
                rows,
                met_by.base,
                clocks,
                power,
                avoided,
                other,
                asked.key,
                out,
                a,
                b,
            ),
            len(out),
            grain=256,
        )
        return Negatives(out, out >= 0)


@dataclass(frozen=True)
class Weighed:
    """Negatives drawn by a distribution from the nodes that are alive at the clock.

    Draws are independent of one another, so a node may come twice.

    Attributes:
        type: Node type.
        count: How many for each row.
        via: The edge along which nodes of the type are met.
        by: How likely each is.
        avoid: Never draw what the row's node met along this edge before the clock.
        ever: Whatever the times of the edges.
    """

    type: str
    count: int
    via: str
    by: Weighing
    avoid: str | None = None
    ever: bool = False

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node that the negatives are drawn for."""
        return Drawn(self.type, self.count, self.via, avoid=self.avoid).start(graph)

    def __str__(self) -> str:
        text = f"negatives({self.type!r}, {self.count}, by={self.by!r}"
        return f"{text}, avoid={self.avoid!r}, via={self.via!r}, all_time={self.ever})"

    def draw(self, graph: Snapshot, asked: Asked) -> Negatives:
        """Return negatives for each row; what it chose is never among them."""
        self.start(graph)
        other = asked.other
        if other is None:
            other = np.full(len(asked.node), -1, np.int32)
        out = weighed(
            self.by,
            graph.typed(self.type),
            graph[_reverse(self.via)],
            _clocks(asked, ever=self.ever),
            Avoided(*_avoided(graph, self.avoid, asked), other),
            asked.key,
            self.count,
        )
        return Negatives(out, out >= 0)


@dataclass(frozen=True)
class InBatch:
    """Negatives from what the other rows of the batch chose.

    Each row draws other rows, each as likely; what it chose itself, what was not alive
    at its clock and what it met before count as missing. What is drawn depends on the
    whole batch, unlike that of any other plan.

    Attributes:
        count: How many for each row; less where they are missing.
        via: The edge that was chosen along.
    """

    count: int
    via: str

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node that the negatives are drawn for."""
        return graph.ends(self.via)[0]

    def __str__(self) -> str:
        return f"in_batch({self.count}, via={self.via!r})"

    def draw(self, graph: Snapshot, asked: Asked) -> Negatives:
        """Return negatives for each row.

        Raises:
            RequestError: The rows have not chosen anything: they are no edges.
        """
        if asked.other is None:
            raise RequestError("in_batch() needs edges: use it with g.E(...).with_().")
        clocks = _clocks(asked, ever=False)
        first = graph[_reverse(self.via)].first_time
        row = other_rows(asked.key, self.count)
        ids = asked.other[row]
        index, base, low, high = _index(graph[self.via], asked)
        kept = (ids != asked.other[:, None]) & (first[ids] < clocks[:, None])
        strike_met(index, base, low, high, clocks, ids, kept)
        return Negatives(np.where(kept, ids, -1).astype(np.int32), kept)


@dataclass(frozen=True)
class Hard:
    """Hard negatives: nodes of a window of ranks around each row's node.

    Attributes:
        pool: Ranks nodes around the row's node: ``walk(...).top(500)`` or
            ``near(..., count=500)``.
        count: How many to draw from the window, without replacement.
        window: First rank, from 0, and one after the last.
        avoid: Never draw what the row's node met along this edge before the clock.
    """

    pool: VisitCount | Near
    count: int
    window: tuple[int, int]
    avoid: str | None = None

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node that the negatives are drawn for."""
        begins = self.pool.start(graph)
        if self.avoid is not None and graph.ends(self.avoid)[0] != begins:
            raise ConfigError(
                f"the pool starts from {begins!r}, and avoid={self.avoid!r} from "
                f"{graph.ends(self.avoid)[0]!r}. Rank around the node that should "
                "not get what it met."
            )
        return begins

    def __str__(self) -> str:
        text = f"hard({self.pool}, {self.count}, ranks={self.window}"
        return f"{text}, avoid={self.avoid!r})"

    def draw(self, graph: Snapshot, asked: Asked) -> Negatives:
        """Return negatives for each row; what it chose is never among them."""
        self.start(graph)
        first, last = self.window
        ids = self.pool.draw(graph, asked).ids[1][:, first:last].copy()
        clocks = _clocks(asked, ever=self.pool.ever)
        kept = ids >= 0
        if asked.other is not None:
            kept &= ids != asked.other[:, None]
        if self.avoid is not None:
            index, base, low, high = _index(graph[self.avoid], asked)
            strike_met(index, base, low, high, clocks, ids, kept)
        out = np.full((len(ids), self.count), -1, np.int32)
        subsets(asked.key, ids, kept, out)
        return Negatives(out, out >= 0)


def negatives(
    type: str,
    count: int,
    *,
    by: str | Weighing | None = None,
    power: float = 1.0,
    avoid: str | None = None,
    via: str | None = None,
    all_time: bool = False,
) -> Drawn | Weighed:
    """Draw nodes of a type that were alive at the clock and were not chosen.

    Args:
        type: Node type.
        count: How many for each row.
        by: ``"degree"`` to draw by (edges before the clock) ** power, or a distribution
            of your own; each as likely if left out.
        power: From 0 (each as likely) to 1; 0.75 is usual.
        avoid: Never draw what the row's node met along this edge before the clock.
        via: The edge along which nodes are met; ``avoid`` if left out.
        all_time: Whatever the times of the edges.
    """
    edge = via if via is not None else avoid
    if edge is None:
        raise ConfigError(
            f"negatives({type!r}) need to know along which edge nodes are met. Say "
            "avoid= or via= with an edge that leads to them."
        )
    if isinstance(by, Weighing):
        return Weighed(type, count, edge, by, avoid, all_time)
    return Drawn(type, count, edge, by, power, avoid, all_time)


def in_batch(count: int, *, via: str) -> InBatch:
    """Draw from what the other rows of the batch chose along ``via``."""
    return InBatch(count, via)


def hard(
    pool: VisitCount | Near,
    count: int,
    *,
    ranks: tuple[int, int],
    avoid: str | None = None,
) -> Hard:
    """Draw from a window of ranks, as PinSage's hard negatives.

    Args:
        pool: Ranks nodes around each row's node.
        count: How many to draw.
        ranks: First rank, from 0, and one after the last.
        avoid: Never draw what the row's node met along this edge before the clock.

    Source:
        Ying et al., "Graph convolutional neural networks for web-scale recommender
        systems" (2018), section 3.3.
    """
    if not 0 <= ranks[0] < ranks[1] <= pool.count or count < 1:
        raise ConfigError(
            f"ranks {ranks[0]} to {ranks[1]} are not within the {pool.count} that "
            "are ranked. Keep more with top(), or ask for nearer ranks."
        )
    return Hard(pool, count, ranks, avoid)


def _clocks(asked: Asked, *, ever: bool) -> Int64[np.ndarray, " b"]:
    if ever or asked.clock is None:
        return np.full(len(asked.node), NOW, np.int64)
    return asked.clock


def _index(
    edges: Neighbors, asked: Asked
) -> tuple[ByNode, int, Int64[np.ndarray, " b"], Int64[np.ndarray, " b"]]:
    return edges.by_node, edges.base, *edges.span(asked.node)


def _avoided(
    graph: Snapshot, edge: str | None, asked: Asked
) -> tuple[ByNode, int, np.ndarray, np.ndarray]:
    if edge is not None:
        return _index(graph[edge], asked)
    none = np.zeros(len(asked.node), np.int64)
    empty = np.zeros(0, np.int32)
    return ByNode(empty, empty), 0, none, none


def _reverse(edge: str) -> str:
    return edge[1:] if edge.startswith("~") else f"~{edge}"
