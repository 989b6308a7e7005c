"""Distributions: how likely each node that is alive is drawn as a negative.

    @distribution("fresh")
    def fresh(seen: Seen, *, half_life_days: float = 7.0) -> np.ndarray:
        return 0.5 ** ((seen.clock - seen.last) / 86_400 / half_life_days)

    negatives("item", 100, by=fresh(half_life_days=3), avoid="click")

A distribution is a function of what is known of some nodes strictly before some clocks.
It returns a number from 0 to 1 for each: a node is drawn in proportion to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Concatenate, NamedTuple, ParamSpec

import numpy as np
from jaxtyping import Float, Int32, Int64, Num

from tidegraph.errors import ConfigError, RequestError
from tidegraph.graph.nodes import Nodes
from tidegraph.graph.registry import Named, Registry
from tidegraph.graph.storage.tcsr import TemporalCSR
from tidegraph.graph.times import Tick, seconds_of

P = ParamSpec("P")


class Seen(NamedTuple):
    """What was known of some nodes strictly before some clocks.

    Attributes:
        nodes: All nodes of the type, for their ids and features.
        node: Rows of nodes; all have an edge before their clock.
        clock: Unix seconds; with a fraction in a graph that counts finer. For negatives
            of all time, the tick after the last edge there is.
        degree: How many edges each has before its clock, at least 1.
        first: Unix seconds of the first of them.
        last: Unix seconds of the last of them.
    """

    nodes: Nodes
    node: Int32[np.ndarray, " n"]
    clock: Num[np.ndarray, " n"]
    degree: Int64[np.ndarray, " n"]
    first: Num[np.ndarray, " n"]
    last: Num[np.ndarray, " n"]

    def feature(self, name: str) -> np.ndarray:
        """Return a feature of each node.

        Raises:
            RequestError: The nodes have no such feature.
        """
        features = self.nodes.vocabulary.features
        if name not in features.columns:
            raise RequestError(
                f"the nodes have no feature {name!r}. "
                f"They have: {', '.join(features.columns) or 'none'}."
            )
        return features[name].gather(self.node).to_numpy()


@dataclass(frozen=True)
class Distribution(Named):
    """Which distribution to call, and how: plain data."""

    def __call__(self, seen: Seen) -> Float[np.ndarray, " n"]:
        """Return how likely each node is, from 0 to 1.

        Raises:
            ConfigError: No distribution of that name was defined.
            RequestError: It returned something else.
        """
        share = np.asarray(DISTRIBUTIONS.call(self, seen))
        if share.shape != seen.node.shape:
            raise RequestError(
                f"distribution {self.name!r} returned an array of shape {share.shape} "
                f"for {len(seen.node)} nodes. Return one number for each."
            )
        bad = np.flatnonzero(~((share >= 0) & (share <= 1)))
        if len(bad):
            raise RequestError(
                f"distribution {self.name!r} returned {share[bad[0]]}, which is not "
                "from 0 to 1. Divide by the largest there can be."
            )
        return share

    def __repr__(self) -> str:
        return f"distribution({self})"


DISTRIBUTIONS = Registry("distribution", 1, Distribution)


def distribution(
    name: str,
) -> Callable[[Callable[Concatenate[Seen, P], np.ndarray]], Callable[P, Distribution]]:
    """Define a distribution under a name; what it returns makes its ``Distribution``.

    Raises:
        ConfigError: The name is taken by another function.
    """
    return partial(DISTRIBUTIONS.define, name)


def seen_before(
    nodes: Nodes,
    incoming: TemporalCSR,
    node: Int32[np.ndarray, " n"],
    clock: Int64[np.ndarray, " n"],
    tick: Tick,
) -> Seen:
    """Return what was known of nodes that had edges before their clocks.

    Args:
        nodes: All nodes of the type.
        incoming: The edges that lead to them, from their end.
        node: Rows of nodes.
        clock: Ticks.
        tick: What the graph counts in.
    """
    low, high = incoming.span_before(node, clock)
    if bool((low == high).any()):
        raise ConfigError("a node without an edge before its clock cannot be weighed.")
    when = (clock, incoming.time_at(low), incoming.time_at(high - 1))
    now, first, last = (seconds_of(ticks, tick) for ticks in when)
    return Seen(nodes, node, now, high - low, first, last)
