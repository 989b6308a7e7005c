"""Plans: which hops to take from a node, as data (EGO, sections 19.1.1 and 19.2.1)."""

from dataclasses import dataclass, replace

import numpy as np

from tidegraph.arguments import checked
from tidegraph.ego.hop_sampling import Step, check_given, given_edges, sample_step
from tidegraph.ego.seeding import sampled_by_rows
from tidegraph.ego.tree import EgoTree, add_hop, at_clocks, child_clocks, root_tree
from tidegraph.errors import ConfigError, LeakageError
from tidegraph.graph.sampling.protocol import Sampler
from tidegraph.graph.sampling.samplers import (
    everything,
    importance,
    recent,
    top,
    uniform,
)
from tidegraph.graph.sampling.samplers import weighted as by_weight
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot, reverse
from tidegraph.graph.storage.tcsr import NOW
from tidegraph.graph.times import window
from tidegraph.kernels.keyed_rng import child_keys


@dataclass(frozen=True)
class Hops:
    """Hops to take from any node at any clock: plain data, hashable and printable.

    A child's clock is the time of the edge that led to it, so that its own neighbours
    are those it had strictly before (the sub-graphs of section 19.2.1). Along an edge
    without time, or with ``all_time()``, a child keeps its parent's clock.

    Attributes:
        steps: The hops, nearest first; none is the identity.
    """

    steps: tuple[Step, ...]

    def hop(self, edge: str) -> "Hop":
        """Go on from the nodes reached, along ``edge``."""
        return Hop(self.steps, edge)

    def flip(self) -> "Hops":
        """Return the plan for the other end of an edge, every hop the other way."""
        return Hops(tuple(replace(s, edge=reverse(s.edge)) for s in self.steps))

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node that the plan starts from; none if any will do."""
        return graph.ends(self.steps[0].edge)[0] if self.steps else None

    @sampled_by_rows
    def sample(self, graph: Snapshot, seeds: Seeds) -> EgoTree:
        """Return the receptive field of each seed as of its clock.

        It takes rows of nodes and their clocks, too; see ``seeding.sampled_by_rows``.

        Raises:
            RequestError: A row is none of the graph, or nodes, clocks and given rows
                differ in number.
            LeakageError: A hop over a timed edge has no clock.
            DataError: The graph has no such edge.
        """
        self.check(graph, seeds)
        field = root_tree(seeds.node, seeds.clock)
        origin = seeds.clock
        if origin is None:
            origin = np.full(len(seeds.node), NOW, np.int64)
        clocks, keys = origin, seeds.key
        for depth, step in enumerate(self.steps):
            nodes = field.ids[-1].ravel()
            if step.rewind:
                clocks = np.repeat(origin, len(nodes) // max(len(origin), 1))
            given = given_edges(seeds, step) if depth == 0 else None
            found = sample_step(graph, step, nodes, clocks, keys, given)
            edges = graph[step.edge]
            if not edges.is_timed:
                found = at_clocks(found, clocks)
            field = add_hop(field, found, clocks)
            if depth + 1 < len(self.steps):
                clocks = child_clocks(clocks, found, own=not step.keeps_clock(edges))
                keys = child_keys(keys, found.ids.shape[1])
        return field

    def check(self, graph: Snapshot, seeds: Seeds) -> None:
        """Raise if the hops do not follow one another, or one lacks a clock."""
        check_given(graph, seeds)
        at = self.start(graph)
        for step in self.steps:
            here, there = graph.ends(step.edge)
            if here != at:
                raise ConfigError(
                    f"hop({step.edge!r}) starts from {here!r}, but the plan is at "
                    f"{at!r} there. Put '~' before an edge to go against it."
                )
            at = there
            if seeds.clock is None and not step.keeps_clock(graph[step.edge]):
                raise LeakageError(
                    f"hop({step.edge!r}) needs a clock: the edge has times. Pass "
                    "clocks, or say all_time() to see every edge."
                )

    def __str__(self) -> str:
        return ".".join(str(step) for step in self.steps) or "identity()"


@dataclass(frozen=True)
class Hop:
    """A plan that still needs to be told which neighbours its last hop takes.

    Attributes:
        before: The hops until here.
        edge: Edge type of the hop.
        seconds: Only edges at most this much older than the clock.
        ever: Look at every edge, whatever its time.
        from_root: Look at the clock of the root rather than that of the parent.
    """

    before: tuple[Step, ...]
    edge: str
    seconds: int | float | None = None
    ever: bool = False
    from_root: bool = False

    def within(
        self, *, days: int | float = 0, hours: int | float = 0, seconds: int | float = 0
    ) -> "Hop":
        """Look no further back from the clock than this."""
        return replace(self, seconds=window(days, hours, seconds))._check_times()

    def all_time(self) -> "Hop":
        """Look at every edge, whatever its time; children keep their parent's clock."""
        return replace(self, ever=True)._check_times()

    def rewind(self) -> "Hop":
        """Look at the clock of the root rather than at that of the parent's edge."""
        return replace(self, from_root=True)._check_times()

    def _check_times(self) -> "Hop":
        if self.ever and (self.seconds is not None or self.from_root):
            raise ConfigError(
                f"hop({self.edge!r}) cannot look at all time and at a window or clock. "
                "Leave out all_time(), or within() and rewind()."
            )
        return self

    @checked(ConfigError)
    def recent(self, count: int) -> Hops:
        """Take the latest ``count`` edges before the clock, oldest first."""
        return self.using(recent(count))

    @checked(ConfigError)
    def all(self, limit: int = 2**31 - 1) -> Hops:
        """Take every edge, oldest first; no node may have more than ``limit``."""
        return self.using(everything(limit))

    @checked(ConfigError)
    def sample(
        self, count: int, *, by: str | None = None, replace: bool = True
    ) -> Hops:
        """Draw ``count`` edges, each as likely or in proportion to a feature.

        An edge that lacks the feature counts as 0, so it is never drawn.
        """
        if by is None:
            return self.using(uniform(count, replace))
        return self.using(by_weight(count, replace), by=by)

    @checked(ConfigError)
    def top(self, count: int, *, by: str | None = None) -> Hops:
        """Take the ``count`` edges of largest weight, best first."""
        return self.using(top(count), by=by)

    @checked(ConfigError)
    def importance(self, count: int, *, by: str | None = None) -> Hops:
        """Draw by weight, and let each draw count so that sums are unbiased."""
        return self.using(importance(count), by=by)

    @checked(ConfigError)
    def using(self, sampler: Sampler, *, by: str | None = None) -> Hops:
        """Take what a sampler draws, ours or yours."""
        step = Step(self.edge, sampler, by, self.seconds, self.ever, self.from_root)
        return Hops((*self.before, step))


@checked(ConfigError)
def hop(edge: str) -> Hop:
    """Begin a plan at a node, along an edge type or, with ``~``, against it."""
    return Hop((), edge)
