"""What a plan is asked about: nodes, each with its clock and its random key."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.errors import ConfigError
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.keyed_rng import Keys, root_keys


class Seeds(NamedTuple):
    """Nodes that a plan starts from.

    Attributes:
        node: Rows of nodes; -1 for none.
        clock: Unix seconds of each, none if there is no clock.
        key: Random key of each.
        other: The node at the other end of the edge that is asked about, if any.
        seed: Of the epoch, for what is drawn once for several rows.
    """

    node: Int32[np.ndarray, " b"]
    clock: Int64[np.ndarray, " b"] | None
    key: Keys
    other: Int32[np.ndarray, " b"] | None = None
    seed: int = 0


@runtime_checkable
class Plan(Protocol):
    """What to take from a graph for each node of a batch: plain, hashable data."""

    def start(self, graph: Snapshot) -> str | None:
        """Return the type of node that the plan starts from; none if any will do."""
        ...

    def draw(self, graph: Snapshot, asked: Seeds) -> tuple[object, ...]:
        """Return a named tuple of arrays whose first axis is the batch."""
        ...


def asked(
    nodes: Int32[np.ndarray, " b"],
    clocks: Int64[np.ndarray, " b"] | None,
    *,
    seed: int = 0,
    first: int = 0,
) -> Seeds:
    """Return a question about nodes.

    Args:
        nodes: Rows of nodes.
        clocks: Unix seconds of each.
        seed: Of the epoch.
        first: Number of the first node in the epoch, so that any split draws the same.
    """
    return Seeds(nodes, clocks, root_keys(seed, first, len(nodes)), seed=seed)


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
