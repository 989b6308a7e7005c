"""Negatives as plans: nodes that were not chosen, right in time."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int32, Int64

from tidegraph.arguments import checked
from tidegraph.ego.seeding import sampled_by_rows
from tidegraph.errors import ConfigError, LeakageError, RequestError
from tidegraph.graph.negatives.alive import Alive
from tidegraph.graph.negatives.distribution import Distribution
from tidegraph.graph.negatives.kernels import (
    draw_negatives,
    draw_other_rows,
    exclude_neighbors,
)
from tidegraph.graph.negatives.rejection import Avoided, draw_by_rejection
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot, reverse
from tidegraph.graph.storage.has_edge import NeighborIndex
from tidegraph.graph.storage.tcsr import NOW, TemporalCSR
from tidegraph.kernels.jit import over_rows

DEGREE = "degree"


class Negatives(NamedTuple):
    """Nodes drawn for each row of a batch.

    Attributes:
        ids: Rows of nodes, -1 where there are not enough to draw.
        mask: Is there a node?
    """

    ids: Int32[np.ndarray, "b k"]
    mask: Bool[np.ndarray, "b k"]


@runtime_checkable
class Draws(Protocol):
    """A plan of negatives."""

    def draws(self, graph: Snapshot) -> str:
        """Return the type of node that is drawn."""
        ...


@dataclass(frozen=True)
class RandomNegatives:
    """Negatives drawn from the nodes of a type that are alive at the clock.

    A node is alive once it has an edge, strictly before the clock. Draws are
    independent of one another, so a node may come twice.

    Attributes:
        type: Node type.
        count: How many for each row.
        via: The edge that leads to nodes of the type.
        by: ``"degree"`` to draw in proportion to (edges before the clock) ** power;
            each as likely if left out.
        power: See ``by``; from 0 to 1.
        avoid: Never draw neighbours of the row's node along this edge before the clock.
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
        for one in (edge, self.via):
            there = graph.ends(one)[1]
            if self.type != there:
                raise ConfigError(
                    f"{one!r} leads to {there!r}, not to {self.type!r}, of which the "
                    "negatives are. Put '~' before the edge to go against it."
                )
        return graph.ends(edge)[0]

    def draws(self, graph: Snapshot) -> str:
        """Return the type of node that is drawn."""
        return self.type

    def __str__(self) -> str:
        text = f"negatives({self.type!r}, {self.count}, by={self.by!r}, "
        text += f"power={self.power}, avoid={self.avoid!r}, via={self.via!r}"
        return f"{text}, all_time={self.ever})"

    @sampled_by_rows
    def sample(self, graph: Snapshot, seeds: Seeds) -> Negatives:
        """Return negatives for each row; what it chose is never among them."""
        self.start(graph)
        alive = Alive.of(graph[reverse(self.via)])
        used = (self.via, self.avoid)
        clocks = alive.before(clocks_of(graph, used, seeds, ever=self.ever))
        out = np.empty((len(seeds.node), self.count), np.int32)
        power = self.power if self.by == DEGREE else 0.0
        avoided = _avoided_neighbors(graph, self.avoid, seeds)
        chosen = seeds.chosen(self.type)
        other = chosen if chosen is not None else np.zeros(0, np.int32)
        over_rows(
            lambda a, b: draw_negatives(
                alive, clocks, power, avoided, other, seeds.key, out, a, b
            ),
            len(out),
            grain=256,
        )
        return Negatives(out, out >= 0)


@dataclass(frozen=True)
class WeightedNegatives:
    """Negatives drawn by a distribution from the nodes that are alive at the clock.

    Draws are independent of one another, so a node may come twice.

    Attributes:
        type: Node type.
        count: How many for each row.
        via: The edge that leads to nodes of the type.
        by: How likely each is.
        avoid: Never draw neighbours of the row's node along this edge before the clock.
        ever: Whatever the times of the edges.
    """

    type: str
    count: int
    via: str
    by: Distribution
    avoid: str | None = None
    ever: bool = False

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node that the negatives are drawn for."""
        return RandomNegatives(self.type, self.count, self.via, avoid=self.avoid).start(
            graph
        )

    def draws(self, graph: Snapshot) -> str:
        """Return the type of node that is drawn."""
        return self.type

    def __str__(self) -> str:
        text = f"negatives({self.type!r}, {self.count}, by={self.by!r}"
        return f"{text}, avoid={self.avoid!r}, via={self.via!r}, all_time={self.ever})"

    @sampled_by_rows
    def sample(self, graph: Snapshot, seeds: Seeds) -> Negatives:
        """Return negatives for each row; what it chose is never among them."""
        self.start(graph)
        other = seeds.chosen(self.type)
        if other is None:
            other = np.full(len(seeds.node), -1, np.int32)
        clocks = clocks_of(graph, (self.via, self.avoid), seeds, ever=self.ever)
        held = graph.edge(self.via)
        # For all time, a distribution looks back from just after the last edge.
        last = held.latest if held.time is not None else 0
        out = draw_by_rejection(
            self.by,
            graph.typed(self.type),
            graph[reverse(self.via)],
            np.where(clocks == NOW, last + 1, clocks),
            Avoided(*_avoided_neighbors(graph, self.avoid, seeds), clocks, other),
            seeds.key,
            self.count,
            graph.tick,
        )
        return Negatives(out, out >= 0)


@dataclass(frozen=True)
class InBatchNegatives:
    """Negatives from what the other rows of the batch chose.

    Each row draws other rows, each as likely; what it chose itself, what was not alive
    at its clock and what it chose before count as missing. What is drawn depends on the
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

    def draws(self, graph: Snapshot) -> str:
        """Return the type of node that is drawn."""
        return graph.ends(self.via)[1]

    def __str__(self) -> str:
        return f"in_batch({self.count}, via={self.via!r})"

    @sampled_by_rows
    def sample(self, graph: Snapshot, seeds: Seeds) -> Negatives:
        """Return negatives for each row.

        Raises:
            RequestError: The rows have not chosen anything: they are no edges, or what
                these lead to is of another type.
        """
        type = self.draws(graph)
        other = seeds.chosen(type)
        if seeds.other is None:
            raise RequestError("in_batch() needs edges: use it with g.E(...).with_().")
        if other is None:
            raise RequestError(
                f"in_batch(via={self.via!r}) draws nodes of type {type!r}, and these "
                f"edges lead to {seeds.other_type!r}. Name an edge that leads there."
            )
        clocks = clocks_of(graph, (self.via,), seeds, ever=False)
        ids = other[draw_other_rows(seeds.key, self.count)]
        incoming, when = graph[reverse(self.via)], np.repeat(clocks, self.count)
        first, last = incoming.span_before(ids.reshape(-1), when)
        kept = (last > first).reshape(ids.shape) & (ids != other[:, None])
        index, base, low, high = neighbor_index_of(graph[self.via], seeds)
        exclude_neighbors(index, base, low, high, clocks, ids, kept)
        return Negatives(np.where(kept, ids, -1).astype(np.int32), kept)


@checked(ConfigError)
def negatives(
    type: str,
    count: int,
    *,
    by: str | Distribution | None = None,
    power: float = 1.0,
    avoid: str | None = None,
    via: str | None = None,
    all_time: bool = False,
) -> RandomNegatives | WeightedNegatives:
    """Draw nodes of a type that were alive at the clock and were not chosen.

    Args:
        type: Node type.
        count: How many for each row.
        by: ``"degree"`` to draw by (edges before the clock) ** power, or a distribution
            of your own; each as likely if left out.
        power: From 0 (each as likely) to 1; 0.75 is usual.
        avoid: Never draw neighbours of the row's node along this edge before the clock.
        via: The edge that leads to the nodes; ``avoid`` if left out.
        all_time: Whatever the times of the edges.
    """
    edge = via if via is not None else avoid
    if edge is None:
        raise ConfigError(
            f"negatives({type!r}) need to know which edge leads to the nodes. Say "
            "avoid= or via= with an edge that leads to them."
        )
    if isinstance(by, Distribution):
        return WeightedNegatives(type, count, edge, by, avoid, all_time)
    return RandomNegatives(type, count, edge, by, power, avoid, all_time)


@checked(ConfigError)
def in_batch(count: int, *, via: str) -> InBatchNegatives:
    """Draw from what the other rows of the batch chose along ``via``."""
    return InBatchNegatives(count, via)


def clocks_of(
    graph: Snapshot, edges: tuple[str | None, ...], seeds: Seeds, *, ever: bool
) -> Int64[np.ndarray, " b"]:
    """Return the clock of each row; an error if an edge has times and there is none."""
    if not ever and seeds.clock is not None:
        return seeds.clock
    timed = [edge for edge in edges if edge is not None and graph[edge].is_timed]
    if timed and not ever:
        raise LeakageError(
            f"negatives over {timed[0]!r} need a clock: the edge has times. Pass one, "
            "or say all_time to see every edge."
        )
    return np.full(len(seeds.node), NOW, np.int64)


def neighbor_index_of(
    edges: TemporalCSR, seeds: Seeds
) -> tuple[NeighborIndex, int, Int64[np.ndarray, " b"], Int64[np.ndarray, " b"]]:
    """Return the index of the neighbours of each row's node, and its row there."""
    return edges.neighbor_index, edges.base, *edges.span(seeds.node)


def _avoided_neighbors(
    graph: Snapshot, edge: str | None, seeds: Seeds
) -> tuple[NeighborIndex, int, np.ndarray, np.ndarray]:
    if edge is not None:
        return neighbor_index_of(graph[edge], seeds)
    none = np.zeros(len(seeds.node), np.int64)
    return NeighborIndex(*[np.zeros(0, np.int32)] * 5), 0, none, none
