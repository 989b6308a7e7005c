"""What a click model's plans bring around the users and candidates of some requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64

from tidegraph.ego.dedup import EgoStates, Unique
from tidegraph.ego.parse import parse
from tidegraph.ego.surroundings import states_of
from tidegraph.errors import ConfigError
from tidegraph.features.steps import Tables
from tidegraph.graph.from_log import ACTION, ITEM, USER
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.around import DAY, Around, Reads, States
from tidegraph.stages import Requests
from tidegraph.training.weights import tensor


class Shown(NamedTuple):
    """Whose ids are not hidden, by row of the tables."""

    user: Bool[np.ndarray, " users"]
    item: Bool[np.ndarray, " items"]


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads the plans of a click model around users and candidates.

    Attributes:
        user: The plan that starts from users.
        item: The plan that starts from items.
        tables: How nodes become rows of tables.
    """

    user: Unique
    item: Unique
    tables: Tables

    @classmethod
    def of(cls, reads: Reads, tables: Tables) -> "Reader":
        """Return what reads the plans that a model says.

        Raises:
            ConfigError: One is no plan of unique states.
        """
        user, item = (_unique(text) for text in reads)
        return cls(user, item, tables)

    def around(
        self,
        requests: Requests,
        rows: Int64[np.ndarray, " b"],
        item: Int32[np.ndarray, "b k"],
        shown: Shown | None = None,
    ) -> Around:
        """Return what happened around some requests strictly before each.

        Args:
            requests: Users, clocks and histories.
            rows: Which of them.
            item: Candidates of each; no item has an empty past.
            shown: Whose ids are not hidden; all if left out.

        Raises:
            ConfigError: A plan leads to nodes other than users and items, which have no
                vectors.
        """
        graph, time = requests.graph, requests.time[rows]
        users = self.user.sample(graph, requests.seeds(rows=rows))
        clocks = np.repeat(time, item.shape[1])
        seat, node, clock = states_of(item.ravel().astype(np.int64) + 1, clocks)
        items = self.item.sample(graph, Seeds.of((node - 1).astype(np.int32), clock))
        place = seat.reshape(item.shape).astype(np.int64)
        return Around(
            self._states(graph, self.user, USER, users, shown),
            self._states(graph, self.item, ITEM, items, shown),
            tensor(place),
        )

    def _states(
        self,
        graph: Snapshot,
        plan: Unique,
        kind: str,
        found: EgoStates,
        shown: Shown | None,
    ) -> States:
        kinds = [kind, *(graph.ends(step.edge)[1] for step in plan.hops.steps)]
        if strange := set(kinds) - {USER, ITEM}:
            raise ConfigError(
                f"{plan} comes to nodes {min(strange)!r}, and click models have "
                "vectors of users and items alone. Stay among them."
            )
        rows = [
            self._rows(kind, node, shown)
            for kind, node in zip(kinds, found.ids, strict=True)
        ]
        parents = [np.zeros(len(found.ids[0]), np.int64)]
        for child, ids in zip(found.child, found.ids[1:], strict=True):
            parent = np.zeros(len(ids), np.int64)
            there = child >= 0
            parent[child[there]] = np.nonzero(there)[0]
            parents.append(parent)
        days = [(gap / DAY).astype(np.float32) for gap in found.dt]
        return States(
            tuple(map(tensor, rows)),
            tuple(map(tensor, parents)),
            tuple(tensor(child.astype(np.int64)) for child in found.child),
            tuple(map(tensor, days)),
        )

    def _rows(
        self, kind: str, node: Int32[np.ndarray, " n"], shown: Shown | None
    ) -> Int64[np.ndarray, "n f"]:
        if kind == ITEM:
            rows = self.tables.rows(node[None])[0]
        else:
            rows = self.tables.user_rows(node)
        if shown is not None:
            rows[:, 0] *= (shown.item if kind == ITEM else shown.user)[rows[:, 0]]
        return rows


def read_before(requests: Requests) -> Iterator[object]:
    """Yield the events before the last of some requests, as arrays."""
    edges = requests.graph[ACTION].before(int(requests.time.max()))
    at = edges.slots()
    yield from (edges.degree(), edges.node[at], edges.time_at(at))


def _unique(text: str) -> Unique:
    plan = parse(text)
    if not isinstance(plan, Unique):
        raise ConfigError(
            f"a click model reads {text!r}, which has no unique states. Say "
            "unique(...) around the hops."
        )
    return plan
