"""A batch of positive pairs, and what yields them."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64

from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.stages import Fold


class Positives(NamedTuple):
    """A batch of positive pairs, in the numbering of ``GraphInputs``.

    Attributes:
        source: The node that is to find the other.
        target: The other.
        time: When the pair was last seen; none where there are no times.
    """

    source: Int64[np.ndarray, " b"]
    target: Int64[np.ndarray, " b"]
    time: Int64[np.ndarray, " b"] | None = None


@runtime_checkable
class PairSource(Protocol):
    """The positive pairs of a log, which are gone through once an epoch."""

    @property
    def fold(self) -> Fold:
        """What they were taken from."""
        ...

    @property
    def graph(self) -> GraphInputs:
        """The nodes they are of, and the edges that an encoder walks along."""
        ...

    @property
    def frequency(self) -> Float64[np.ndarray, " nodes"]:
        """How often each node is a target in an epoch; 0 for those that never are."""
        ...

    def epoch(self, size: int, rng: np.random.Generator) -> Iterator[Positives]:
        """Return batches of ``size`` pairs, in an order drawn at random."""
        ...


@runtime_checkable
class OfTypedGraph(Protocol):
    """Pairs that say what an ``ego`` is cut out of; of others, it is their actions."""

    @property
    def snapshot(self) -> Snapshot:
        """The nodes and edges, as far as the pairs let vectors be made of them."""
        ...

    @property
    def first(self) -> Mapping[str, int]:
        """The number in ``graph`` of the first node of each type."""
        ...


@runtime_checkable
class OfTimes(Protocol):
    """Pairs that have times, so that an ``ego`` can look at what was before them."""

    @property
    def time(self) -> Int64[np.ndarray, " pairs"] | None:
        """When each was last seen; none where the log has no times."""
        ...
