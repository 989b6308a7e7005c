"""Pairs of nodes that random walks meet one after the other.

Walks see the training fold alone, whole: an embedding has one vector per node and is as
of the fold's end. They are drawn anew every epoch, some at a time; no corpus is kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int32, Int64

from tidegraph.arguments import settings
from tidegraph.ego.walks import Walk
from tidegraph.errors import ConfigError
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.tcsr import NOW
from tidegraph.kernels.ragged import in_batches
from tidegraph.kernels.windows import row_window_pairs
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.ranges import above, at_least, from_0_to_1
from tidegraph.retrieval.objective.pairs.edges import EdgePairs, Edges
from tidegraph.retrieval.objective.pairs.positives import Positives
from tidegraph.rng import fresh_seed
from tidegraph.stages import Fold

Nodes = Int32[np.ndarray, " pairs"]


@settings
class WalkWindows:
    """Each node of a walk with those near to it on the walk, in both directions.

    Attributes:
        walks: Plans of walks along actions or further edges of the graph. Every node
            that a walk may visit has a vector, brands as well as users and items, and
            those that no action has, too, if edges are further ones.
        window: How many steps apart the two of a pair are at the most.

    Source:
        Perozzi et al., "DeepWalk: Online Learning of Social Representations", KDD 2014,
        algorithm 2.
    """

    walks: tuple[Walk, ...]
    window: int = 5

    def __post_init__(self) -> None:
        _check_walks("WalkWindows", self.walks)
        at_least("WalkWindows", 1, window=self.window)

    def of(self, fold: Fold, method: str) -> "WalkPairs":
        """Return the pairs of a fold."""
        return WalkPairs.of(fold, method, self)

    def pairs_of(self, walk: Walk) -> int:
        """Return how many pairs a walk has that does not end early."""
        nodes = walk.length * len(walk.path) + 1
        near = min(self.window, nodes - 1)
        return 2 * near * nodes - near * (near + 1)

    def taken(
        self, walks: Int32[np.ndarray, "w nodes"], rng: np.random.Generator
    ) -> tuple[Nodes, Nodes]:
        """Return the sources and targets of some walks."""
        return row_window_pairs(walks, self.window)


@settings
class WalkEnds:
    """The first node of a walk with the last, in this direction alone.

    A walk ends after each step with probability ``restart``, and where it cannot go on.

    Attributes:
        walks: As of ``WalkWindows``; each is as long as a walk can be.
        restart: Probability to stop after a step.

    Source:
        Zhou et al., "Scalable Graph Embedding for Asymmetric Proximity", AAAI 2017,
        algorithm 1.
    """

    walks: tuple[Walk, ...]
    restart: float = 0.15

    def __post_init__(self) -> None:
        _check_walks("WalkEnds", self.walks)
        above("WalkEnds", 0, restart=self.restart)
        from_0_to_1("WalkEnds", restart=self.restart)

    def of(self, fold: Fold, method: str) -> "WalkPairs":
        """Return the pairs of a fold."""
        return WalkPairs.of(fold, method, self)

    def pairs_of(self, walk: Walk) -> int:
        """Return how many pairs a walk has."""
        return 1

    def taken(
        self, walks: Int32[np.ndarray, "w nodes"], rng: np.random.Generator
    ) -> tuple[Nodes, Nodes]:
        """Return the sources and targets of some walks."""
        rows = np.arange(len(walks))
        steps = np.minimum(rng.geometric(self.restart, len(walks)), walks.shape[1] - 1)
        # From its end on a walk is nowhere.
        ends = walks[rows, np.minimum(steps, (walks >= 0).sum(axis=1) - 1)]
        moved = (steps > 0) & (walks[:, 1] >= 0)
        return walks[moved, 0], ends[moved]


@dataclass(frozen=True, eq=False)
class WalkPairs:
    """The pairs of walks over the graph of a fold.

    Attributes:
        edges: Who is linked with what.
        walks: The plans.
        settings: Which nodes of a walk belong together.
    """

    edges: EdgePairs
    walks: tuple[Walk, ...]
    settings: WalkWindows | WalkEnds

    @classmethod
    def of(
        cls, fold: Fold, method: str, settings: WalkWindows | WalkEnds
    ) -> "WalkPairs":
        """Return the pairs of a fold, in the graph that the walks pass through.

        Raises:
            ConfigError: The edges of a walk do not follow one another.
        """
        path = {edge for walk in settings.walks for edge in walk.path}
        edges = Edges().of(fold, method).along(path)
        for walk in settings.walks:
            walk.edges(edges.snapshot, _nobody())
        return cls(edges, settings.walks, settings)

    @property
    def fold(self) -> Fold:
        """What they were taken from."""
        return self.edges.fold

    @property
    def graph(self) -> GraphInputs:
        """Users, items and what else walks visit, linked by what they walk along."""
        return self.edges.graph

    @property
    def snapshot(self) -> Snapshot:
        """What is walked along."""
        return self.edges.snapshot

    @property
    def first(self) -> Mapping[str, int]:
        """The number of the first node of each type."""
        return self.edges.first

    @property
    def frequency(self) -> Float64[np.ndarray, " nodes"]:
        """How many neighbours each node has: so often walks come by."""
        row = self.graph.row.numpy()
        return np.bincount(row, minlength=self.graph.nodes).astype(np.float64)

    def __len__(self) -> int:
        """About how many pairs an epoch has."""
        return sum(
            len(self.starts(walk)) * walk.times * self.settings.pairs_of(walk)
            for walk in self.walks
        )

    def epoch(self, size: int, rng: np.random.Generator) -> Iterator[Positives]:
        """Return the pairs of new walks, about ``size`` of them at a time.

        Each plan is followed as many times as it says from every node, in rounds of an
        order drawn anew; a batch goes on where a round ends.
        """
        plan = np.repeat(
            np.arange(len(self.walks)), [len(self.starts(walk)) for walk in self.walks]
        )
        start = np.concatenate([self.starts(walk) for walk in self.walks])
        times = np.array([walk.times for walk in self.walks])
        most = max(self.settings.pairs_of(walk) for walk in self.walks)
        rounds = (
            rng.permutation(np.flatnonzero(turn < times[plan]))
            for turn in range(times.max())
        )
        for some in in_batches(rounds, max(1, size // most)):
            parts = [
                self._pairs_of(walk, start[some[plan[some] == n]], rng)
                for n, walk in enumerate(self.walks)
            ]
            source, target = (np.concatenate(s) for s in zip(*parts, strict=True))
            yield Positives(source, target)

    def _pairs_of(
        self, walk: Walk, start: Int32[np.ndarray, " w"], rng: np.random.Generator
    ) -> tuple[Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"]]:
        nodes = self.nodes_of(walk, start, rng)
        source, target = self.settings.taken(nodes, rng)
        return source.astype(np.int64), target.astype(np.int64)

    def nodes_of(
        self, walk: Walk, start: Int32[np.ndarray, " w"], rng: np.random.Generator
    ) -> Int32[np.ndarray, "w nodes"]:
        """Return the nodes of a walk from each row, in the numbering of the graph."""
        graph, once = self.snapshot, replace(walk, times=1)
        clocks = None if walk.ever else np.full(len(start), NOW)
        seeds = Seeds.of(start, clocks, seed=fresh_seed(rng))
        nodes = once.sample(graph, seeds).ids[:, 0]
        nodes = np.where(nodes >= 0, nodes + self._offsets(walk), np.int32(-1))
        return nodes.astype(np.int32, copy=False)

    def _offsets(self, walk: Walk) -> Int32[np.ndarray, " nodes"]:
        """Return the first node of the type that each step of a walk is at."""
        ends = [self.snapshot.ends(edge) for edge in walk.path]
        types = [ends[0][0], *(there for _, there in ends * walk.length)]
        return np.array([self.first[name] for name in types], np.int32)

    def starts(self, walk: Walk) -> Int32[np.ndarray, " starts"]:
        """Return the rows of the nodes of the type it starts from that have edges."""
        degree = self.snapshot[walk.path[0]].degree()
        return np.flatnonzero(degree).astype(np.int32)


def _check_walks(name: str, walks: tuple[Walk, ...]) -> None:
    if not walks:
        raise ConfigError(f"{name} has no walks. Give at least one plan.")


def _nobody() -> Seeds:
    """Return no node at any time, of which a walk is checked alone."""
    return Seeds.of(np.zeros(0, np.int32), np.zeros(0, np.int64))
