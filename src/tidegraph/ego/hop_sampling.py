"""One hop of a plan: what it may choose from, and what it takes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int, Int32, Int64

from tidegraph.errors import ConfigError, RequestError
from tidegraph.graph.sampling.gather import NO_NODE, NeighborBatch, Neighborhood
from tidegraph.graph.sampling.protocol import Sampler
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.times import Tick, ticks_in
from tidegraph.stages.evidence import evident_past


@dataclass(frozen=True)
class Step:
    """One hop of a plan.

    Attributes:
        edge: Edge type; a leading ``~`` goes against it.
        sampler: Which of the neighbours are taken.
        by: Feature of the edge that is the weight; the usual one if left out.
        seconds: Only edges at most this much older than the clock.
        all_time: Look at every edge, whatever its time.
        rewind: Look at the clock of the root rather than that of the parent.
    """

    edge: str
    sampler: Sampler
    by: str | None = None
    seconds: int | float | None = None
    all_time: bool = False
    rewind: bool = False

    def past(
        self,
        edges: TemporalCSR,
        nodes: np.ndarray,
        clocks: np.ndarray,
        keys: np.ndarray,
        tick: Tick,
    ) -> Neighborhood:
        """Return what the sampler may choose from, in a graph that counts so."""
        if self.all_time or not edges.is_timed:
            return Neighborhood.sealed(edges, edges.span(nodes), keys, whole=True)
        window = None if self.seconds is None else ticks_in(self.seconds, tick)
        return Neighborhood.sealed(
            edges, edges.span_before(nodes, clocks, window), keys
        )

    def keeps_clock(self, edges: TemporalCSR) -> bool:
        """Is the clock of a child that of its parent, not that of its edge?"""
        return self.all_time or not edges.is_timed

    def __str__(self) -> str:
        words = [f"hop({self.edge!r})"]
        words += ["rewind()"] * self.rewind + ["all_time()"] * self.all_time
        words += [f"within(seconds={self.seconds})"] * (self.seconds is not None)
        by = f", by={self.by!r}" if self.by is not None else ""
        return ".".join([*words, f"using({self.sampler}{by})"])


def past_of_hop(
    graph: Snapshot,
    step: Step,
    nodes: Int32[np.ndarray, " q"],
    clocks: Int64[np.ndarray, " q"],
    keys: np.ndarray,
    evident: bool,
) -> Neighborhood:
    """Return what one hop may choose from, perhaps of what is evidence alone."""
    edges = graph.along(step.edge, step.by)
    past = step.past(edges, nodes, clocks, keys, graph.tick)
    return evident_past(graph, step.edge, past) if evident else past


def sample_step(
    graph: Snapshot,
    step: Step,
    nodes: Int32[np.ndarray, " q"],
    clocks: Int64[np.ndarray, " q"],
    keys: np.ndarray,
    given: TemporalCSR | None = None,
    *,
    evident: bool = False,
) -> NeighborBatch:
    """Return the neighbours that one hop takes from each node.

    Args:
        graph: Where to look.
        step: The hop.
        nodes: Rows of nodes.
        clocks: The clock of each.
        keys: The random key of each.
        given: The edges of nodes that the graph does not hold: a row for each node,
            which is taken where the node is -1. They are numbered on from the graph's.
        evident: Take none that says that nobody wanted an item; see ``evident_past``.
    """
    tick = graph.tick
    strange = None if given is None else np.flatnonzero(nodes < 0)
    if given is None or strange is None or not len(strange):
        return step.sampler(past_of_hop(graph, step, nodes, clocks, keys, evident))
    row = strange.astype(np.int32)
    theirs = step.sampler(step.past(given, row, clocks[strange], keys[strange], tick))
    number = np.where(theirs.mask, theirs.edge + graph.edge(step.edge).issued, -1)
    theirs = theirs._replace(edge=number)
    if len(strange) == len(nodes):
        return theirs
    ours = step.sampler(past_of_hop(graph, step, nodes, clocks, keys, evident))
    width = max(theirs.ids.shape[1], ours.ids.shape[1])
    ours, theirs = _padded_neighbors(ours, width), _padded_neighbors(theirs, width)
    for held, new in zip(ours, theirs, strict=True):
        held[strange] = new
    return ours


def strengths_taken(
    graph: Snapshot,
    step: Step,
    edge: Int[np.ndarray, " e"],
    given: TemporalCSR | None = None,
) -> Float32[np.ndarray, " e"]:
    """Return the strengths of edges that ``sample_step`` took, by their numbers."""
    edges = graph.along(step.edge, step.by)
    if given is None:
        return edges.strength_of(edge)
    first = graph.edge(step.edge).issued
    beyond, found = edge >= first, np.empty(len(edge), np.float32)
    found[~beyond] = edges.strength_of(edge[~beyond])
    found[beyond] = given.strength_of(edge[beyond] - first)
    return found


def given_edges(seeds: Seeds, step: Step) -> TemporalCSR | None:
    """Return the edges that are given for a first hop, if there are any.

    Raises:
        ConfigError: The hop takes them by a feature, which they do not have.
    """
    given = None if seeds.given is None else seeds.given.get(step.edge)
    if given is not None and step.by is not None:
        raise ConfigError(
            f"hop({step.edge!r}) takes edges by {step.by!r}, and those that are given "
            "for a node have a weight alone. Leave out by=."
        )
    return given


def check_given(graph: Snapshot, seeds: Seeds) -> None:
    """Raise if the edges that are given do not fit the nodes or the graph.

    Raises:
        RequestError: There are not as many rows as nodes, or a row leads to no node.
        DataError: The graph has no such edge.
    """
    for name, rows in (seeds.given or {}).items():
        size = len(graph.typed(graph.ends(name)[1]))
        if len(rows) != len(seeds.node):
            raise RequestError(
                f"there are {len(rows)} given rows of {name!r} for {len(seeds.node)} "
                "nodes. Give one for each."
            )
        if len(rows.node) and not 0 <= rows.node.min() <= rows.node.max() < size:
            raise RequestError(
                f"given rows of {name!r} lead to nodes {rows.node.min()} to "
                f"{rows.node.max()}, and there are {size}."
            )


def _padded_neighbors(found: NeighborBatch, width: int) -> NeighborBatch:
    """Return neighbours with ``width`` places for each node, and wide edge numbers."""
    more = ((0, 0), (0, width - found.ids.shape[1]))
    return NeighborBatch(
        np.pad(found.ids, more, constant_values=NO_NODE),
        np.pad(found.time, more),
        np.pad(found.weight, more),
        np.pad(found.edge.astype(np.int64), more, constant_values=-1),
        np.pad(found.mask, more),
    )
