"""The seeds of a plan: nodes, each with its clock and its random key."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.arguments import whole
from tidegraph.errors import ConfigError, RequestError
from tidegraph.graph.snapshot import Snapshot
from tidegraph.graph.storage.build import base_of, narrowest
from tidegraph.graph.storage.histories import Histories
from tidegraph.graph.storage.row_bounds import RowBounds
from tidegraph.graph.storage.tcsr import NO_WEIGHT, TemporalCSR
from tidegraph.kernels.keyed_rng import Keys, root_keys
from tidegraph.kernels.ragged import owners
from tidegraph.small_arrays import never_fall


class Seeds(NamedTuple):
    """Nodes that a plan starts from.

    Attributes:
        node: Rows of nodes; -1 for none.
        clock: Tick of each, none if there is no clock.
        key: Random key of each.
        other: The node at the other end of the seed's edge, if it is that of an edge.
        seed: Of the epoch, for what is drawn once for several rows.
        given: A first hop that the graph does not hold, by edge type: a row of edges
            for each node, which hops take where the node is -1. So somebody without a
            row, who brings a history, has the receptive field of a user with it.
        other_type: Type of ``other``; of whatever type is asked for if left out.
    """

    node: Int32[np.ndarray, " b"]
    clock: Int64[np.ndarray, " b"] | None
    key: Keys
    other: Int32[np.ndarray, " b"] | None = None
    seed: int = 0
    given: Mapping[str, TemporalCSR] | None = None
    other_type: str | None = None

    def chosen(self, type: str) -> Int32[np.ndarray, " b"] | None:
        """Return the other ends if they are nodes of a type: a row is of one type."""
        return self.other if self.other_type in (None, type) else None

    @classmethod
    def of(
        cls,
        nodes: Int32[np.ndarray, " b"],
        clocks: Int64[np.ndarray, " b"] | None,
        *,
        seed: int = 0,
        first: int = 0,
        given: Mapping[str, Histories] | None = None,
    ) -> "Seeds":
        """Return nodes as seeds of one epoch.

        Args:
            nodes: Rows of nodes.
            clocks: Tick of each.
            seed: Of the epoch.
            first: Number of the first node in the epoch, so that any split draws the
                same.
            given: The edges of nodes that the graph does not hold, by edge type; a row
                for each node.

        Raises:
            RequestError: Given rows do not fit together, or are not oldest first, or a
                seed is no whole number.
        """
        seed = whole(seed, "seed")
        keys = root_keys(seed, whole(first, "first"), len(nodes))
        rows = None
        if given is not None:
            rows = {
                name: _given_rows(name, histories) for name, histories in given.items()
            }
        return cls(nodes, clocks, keys, seed=seed, given=rows)


@runtime_checkable
class Plan(Protocol):
    """What to take from a graph for each node of a batch: plain, hashable data.

    Such as ``tg.hop('action').recent(20)``.
    """

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node that the plan starts from; none if any will do."""
        ...

    def sample(self, graph: Snapshot, seeds: Seeds) -> tuple[object, ...]:
        """Return a named tuple of arrays whose first axis is the batch."""
        ...


def _given_rows(name: str, histories: Histories) -> TemporalCSR:
    """Return given histories as rows of edges that are numbered by their place."""
    given = _as_wide_as_a_graph(histories)
    _check_given_rows(name, given)
    base, span = base_of(given.time)
    return TemporalCSR(
        RowBounds.of(given.ptr[:-1], given.ptr[1:]),
        given.node,
        (given.time - base).astype(narrowest(span)),
        base,
        np.arange(len(given.node), dtype=narrowest(len(given.node))),
        given.weight if bool((given.weight != 1).any()) else NO_WEIGHT,
        True,
        None,
        0,
    )


def _as_wide_as_a_graph(given: Histories) -> Histories:
    """Return histories as wide as the rows of a graph, whose numbers kernels copy."""
    node = given.node
    if node.dtype != np.int32:
        # What is too large for a row stays so, and is refused.
        node = np.clip(node, -1, np.iinfo(np.int32).max).astype(np.int32)
    return Histories(
        given.ptr.astype(np.int64, copy=False),
        node,
        given.time.astype(np.int64, copy=False),
        given.weight.astype(np.float32, copy=False),
    )


def _check_given_rows(name: str, given: Histories) -> None:
    ptr, time = given.ptr, given.time
    sizes = {len(given.node), len(time), len(given.weight), *ptr[-1:].tolist()}
    if len(sizes) > 1 or (ptr[:1] != 0).any() or not never_fall(ptr):
        raise RequestError(
            f"given rows of {name!r} do not fit together: node, time and weight need "
            "an entry for each edge, and ptr the place where each row starts."
        )
    owner = owners(ptr)
    early = (time[1:] < time[:-1]) & (owner[1:] == owner[:-1])
    if early.any():
        raise RequestError(
            f"given row {owner[int(early.argmax())]} of {name!r} is not oldest first. "
            "Sort it by time."
        )


def check_plan(name: str, plan: object) -> None:
    """Raise if something is no plan.

    Raises:
        ConfigError: It is not, or not yet.
    """
    if not isinstance(plan, Plan):
        raise ConfigError(
            f"{name!r} is {plan!r}, which is no plan. A hop needs to be told which "
            "neighbours it takes, such as hop('click').recent(20)."
        )
