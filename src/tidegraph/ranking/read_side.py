"""What a plan of unique states brought around nodes of one kind, users or items."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from tidegraph.ego.dedup import EgoStates, Unique
from tidegraph.ego.hops import Hops
from tidegraph.ego.parse import parse
from tidegraph.errors import ConfigError
from tidegraph.features.edge_numbers import Events
from tidegraph.graph.from_log import ACTION, ITEM, USER
from tidegraph.graph.sampling.samplers import recent
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot, reverse


class ReadSide(NamedTuple):
    """What a plan brought around the nodes of one kind.

    Attributes:
        kinds: What the nodes of each depth are.
        found: The states.
        parent: Place of a parent of each state in the depth above.
    """

    kinds: list[str]
    found: EgoStates
    parent: list[Int64[np.ndarray, " _"]]

    @classmethod
    def of(cls, graph: Snapshot, plan: Unique, kind: str, seeds: Seeds) -> "ReadSide":
        """Read a plan around nodes of a kind, along what is evidence alone.

        Raises:
            ConfigError: The plan leads to nodes other than users and items, which have
                no vectors.
        """
        found = plan.states(graph, seeds, evident=True)
        kinds = [kind, *(graph.ends(step.edge)[1] for step in plan.hops.steps)]
        if strange := set(kinds) - {USER, ITEM}:
            raise ConfigError(
                f"{plan} comes to nodes {min(strange)!r}, and click models have "
                "vectors of users and items alone. Stay among them."
            )
        parents = [np.zeros(len(found.ids[0]), np.int64)]
        for child, ids in zip(found.child, found.ids[1:], strict=True):
            parent = np.zeros(len(ids), np.int64)
            there = child >= 0
            parent[child[there]] = np.nonzero(there)[0]
            parents.append(parent)
        return cls(kinds, found, parents)

    def children(self) -> Int32[np.ndarray, "roots h"]:
        """Return the neighbours of the roots, -1 where there is none."""
        if not self.found.child:
            return np.zeros((len(self.found.ids[0]), 0), np.int32)
        # Place -1 is the last one.
        return np.append(self.found.ids[1], np.int32(-1))[self.found.child[0]]

    def events(self, depth: int) -> Events:
        """Return the events that led to the states of a depth."""
        node, other = self.found.ids[depth], self.found.ids[depth - 1]
        other = other[self.parent[depth]]
        item, user = (node, other) if self.kinds[depth] == ITEM else (other, node)
        number = self.found.edge[depth].astype(np.int64)
        return Events(number, user, item, self.found.time[depth])


def parse_unique_plan(text: str) -> Unique:
    """Return the plan that a click model says in words.

    Raises:
        ConfigError: It is no plan of unique states.
    """
    plan = parse(text)
    if not isinstance(plan, Unique):
        raise ConfigError(
            f"a click model reads {text!r}, which has no unique states. Say "
            "unique(...) around the hops."
        )
    return plan


def first_hop(plan: Unique) -> Unique:
    """Return the plan that ends where the first hop of another leads to."""
    return Unique(Hops(plan.hops.steps[:1]))


def hop_of_each_side(*plans: Unique) -> dict[str, Unique]:
    """Return the one hop that plans take from users and from items, wherever it stands.

    Where all from a side are one, along actions to the latest, what is found behind an
    event depends on that event alone. Where that is not so there is none.
    """
    start = {ACTION: USER, reverse(ACTION): ITEM}
    steps = {step for plan in plans for step in plan.hops.steps}
    latest = all(step.sampler.name == recent(1).name for step in steps)
    edges = {step.edge for step in steps}
    if not latest or len(edges) < len(steps) or not edges <= start.keys():
        return {}
    return {start[step.edge]: Unique(Hops((step,))) for step in steps}
