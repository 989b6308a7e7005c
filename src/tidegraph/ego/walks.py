"""Walks as plans: where random walks from a node lead, and whom they visit most."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32

from tidegraph.arguments import checked
from tidegraph.ego.seeding import sampled_by_rows
from tidegraph.ego.tree import EgoTree, root_tree
from tidegraph.errors import ConfigError, DataError, LeakageError
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.tcsr import NOW, TemporalCSR
from tidegraph.graph.walks.node2vec import Bias
from tidegraph.graph.walks.random_walks import Habit, walks
from tidegraph.graph.walks.visit_counts import visits
from tidegraph.kernels.keyed_rng import child_keys
from tidegraph.ranges import below_1

_ANY = Habit()


class Walked(NamedTuple):
    """Random walks from each node of a batch.

    Attributes:
        ids: Nodes of each walk, the start first; -1 from where it cannot go on.
        mask: Is there a node?
    """

    ids: Int32[np.ndarray, "b times steps"]
    mask: Bool[np.ndarray, "b times steps"]


@dataclass(frozen=True)
class Walk:
    """Random walks to take from any node: plain data, hashable and printable.

    Such as ``tg.walk('action', '~action', length=20).all_time()``.

    With a clock, walks see only edges strictly before it.

    Attributes:
        path: The edges of a round; each starts where the one before ended.
        times: Walks from each node.
        length: Rounds of each walk along the path.
        habit: How walks choose their way.
        by: Feature of the edges that is the weight; the usual one if left out.
        ever: Take any edge, whatever its time.
    """

    path: tuple[str, ...]
    times: int = 1
    length: int = 1
    habit: Habit = _ANY
    by: str | None = None
    ever: bool = False

    def __post_init__(self) -> None:
        if not self.path or self.times < 1 or self.length < 1:
            raise ConfigError(
                f"a walk needs edges, and times ({self.times}) and length "
                f"({self.length}) of at least 1."
            )

    @checked(ConfigError)
    def weighted(self, by: str | None = None) -> "Walk":
        """Take edges in proportion to their weight rather than each as likely."""
        return replace(self, habit=replace(self.habit, weighted=True), by=by)

    @checked(ConfigError)
    def restart(self, probability: int | float) -> "Walk":
        """Begin again at the start with this probability, after each round."""
        below_1("a walk's", restart=probability)
        return replace(self, habit=replace(self.habit, restart=float(probability)))

    @checked(ConfigError)
    def biased(self, p: int | float = 1.0, q: int | float = 1.0) -> "Walk":
        """Prefer nodes near to, or far from, the one before (node2vec)."""
        return replace(self, habit=replace(self.habit, bias=Bias(float(p), float(q))))

    def respecting_time(self) -> "Walk":
        """Go back in time edge by edge: each is strictly before the one just taken."""
        return replace(self, habit=replace(self.habit, respect=True))._check_times()

    def all_time(self) -> "Walk":
        """Take any edge, whatever its time."""
        return replace(self, ever=True)._check_times()

    def _check_times(self) -> "Walk":
        if self.ever and self.habit.respect:
            raise ConfigError(
                "a walk cannot respect time and take edges of all time. Leave out "
                "all_time(), and pass a clock."
            )
        return self

    @checked(ConfigError)
    def top(self, count: int) -> "VisitCount":
        """Take the nodes visited most, with L1-normalised counts as weights."""
        if count < 1:
            raise ConfigError(f"top({count}) keeps nothing; at least 1.")
        return VisitCount(self, count)

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node that the walks start from."""
        return graph.ends(self.path[0])[0]

    @sampled_by_rows
    def sample(self, graph: Snapshot, seeds: Seeds) -> Walked:
        """Return walks from each seed."""
        clocks = None if self.ever else seeds.clock
        found = walks(
            self.edges(graph, seeds),
            np.repeat(seeds.node, self.times),
            child_keys(seeds.key, self.times),
            self.length * len(self.path),
            self.habit_in(graph),
            None if clocks is None else np.repeat(clocks, self.times),
        )
        ids = found.reshape(len(seeds.node), self.times, found.shape[1])
        return Walked(ids, ids >= 0)

    def edges(self, graph: Snapshot, seeds: Seeds) -> tuple[TemporalCSR, ...]:
        """Return the edges of a round.

        Raises:
            ConfigError: An edge does not start where the one before ended.
            LeakageError: An edge has times, and there is no clock.
        """
        at = self.start(graph)
        for edge in self.path if self.length == 1 else (*self.path, self.path[0]):
            here, there = graph.ends(edge)
            if here != at:
                raise ConfigError(
                    f"the walk is at {at!r} when it comes to {edge!r}, which starts "
                    f"from {here!r}. Longer walks must lead back to where they start."
                )
            at = there
        timed = [edge for edge in self.path if graph[edge].is_timed]
        if timed and seeds.clock is None and not self.ever:
            raise LeakageError(
                f"a walk along {timed[0]!r} needs a clock: the edge has times. Pass "
                "clocks, or say all_time() to take every edge."
            )
        kinds = {end for edge in self.path for end in graph.ends(edge)}
        mixed = len(kinds) > 1 and not self._is_two_sided(graph)
        if self.habit.bias is not None and mixed:
            raise ConfigError(
                "node2vec's bias needs edges between nodes of one type, or each from "
                f"one of two types to the other, and {', '.join(self.path)} joins "
                f"{' and '.join(sorted(kinds))}."
            )
        path = tuple(graph.along(edge, self.by) for edge in self.path)
        for edge, side in zip(self.path, path, strict=True):
            if self.habit.weighted and side.negative_since < self._walk_horizon(seeds):
                raise DataError(
                    f"a weight of {edge!r} is below 0, and a walk takes edges in "
                    "proportion to weights. Choose another feature with weighted()."
                )
        return path

    def _walk_horizon(self, seeds: Seeds) -> int:
        """Return the tick that all edges on the walks of some seeds come before."""
        if self.ever or seeds.clock is None:
            return NOW
        return int(seeds.clock.max(initial=-NOW))

    def habit_in(self, graph: Snapshot) -> Habit:
        """Return how the walks choose, which knows whether edges have two sides."""
        if self.habit.bias is None or not self._is_two_sided(graph):
            return self.habit
        return replace(self.habit, bias=replace(self.habit.bias, two_sided=True))

    def _is_two_sided(self, graph: Snapshot) -> bool:
        ends = {graph.ends(edge) for edge in self.path}
        kinds = {end for pair in ends for end in pair}
        return len(kinds) == 2 and all(here != there for here, there in ends)

    def __str__(self) -> str:
        words = [repr(edge) for edge in self.path]
        text = f"walk({', '.join(words)}, times={self.times}, length={self.length})"
        if self.habit.weighted:
            text += f".weighted({'' if self.by is None else repr(self.by)})"
        if self.habit.restart:
            text += f".restart({self.habit.restart})"
        if self.habit.bias is not None:
            text += f".biased(p={self.habit.bias.p}, q={self.habit.bias.q})"
        text += ".respecting_time()" * self.habit.respect + ".all_time()" * self.ever
        return text


@dataclass(frozen=True)
class VisitCount:
    """The nodes that random walks visit most (PinSage's neighbourhood).

    Attributes:
        walk: The walks.
        count: How many nodes to keep.
    """

    walk: Walk
    count: int

    @property
    def ever(self) -> bool:
        """Are edges taken whatever their time?"""
        return self.walk.ever

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node that the walks start from."""
        return self.walk.start(graph)

    @sampled_by_rows
    def sample(self, graph: Snapshot, seeds: Seeds) -> EgoTree:
        """Return a field of depth 1, most visited first; weights are visit shares."""
        found = visits(
            self.walk.edges(graph, seeds),
            seeds.node,
            seeds.key,
            times=self.walk.times,
            rounds=self.walk.length,
            top=self.count,
            habit=self.walk.habit_in(graph),
            clocks=None if self.walk.ever else seeds.clock,
            returns=graph.ends(self.walk.path[-1])[1] == self.start(graph),
        )
        return weighted_tree(seeds, found.node, found.share)

    def __str__(self) -> str:
        return f"{self.walk}.top({self.count})"


def weighted_tree(seeds: Seeds, node: np.ndarray, weight: np.ndarray) -> EgoTree:
    """Return a field of depth 1 whose nodes were not reached by one edge each."""
    field, there = root_tree(seeds.node, seeds.clock), node >= 0
    clock = field.time[0][:, None]
    none = np.zeros(node.shape, np.int64)
    return EgoTree(
        (*field.ids, node),
        (*field.time, np.where(there, clock, 0)),
        (*field.dt, none),
        (*field.weight, weight),
        (*field.edge, np.full(node.shape, -1, np.int32)),
        (*field.mask, there),
    )


@checked(ConfigError)
def walk(*path: str, times: int = 1, length: int = 1) -> Walk:
    """Begin a plan of random walks along a path of edges.

    Args:
        path: The edges of a round; with ``~`` against one.
        times: Walks from each node.
        length: Rounds of each walk.
    """
    return Walk(path, times, length)
