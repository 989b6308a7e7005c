"""What a click model's plans bring around the users and candidates of some requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from tidegraph.durations import DAY
from tidegraph.ego.dedup import Unique
from tidegraph.ego.surroundings import distinct_states
from tidegraph.features.columns import Features
from tidegraph.features.context import EventFields
from tidegraph.features.edge_numbers import EdgeNumbers
from tidegraph.features.neighbors import Fans, cross_with_history
from tidegraph.features.reading import PastView
from tidegraph.features.tables import Tables
from tidegraph.graph.from_log import ACTION, ITEM, USER
from tidegraph.graph.sampling.seeds import Seeds
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.around import Around, Reads, States
from tidegraph.nn.inputs import HISTORY_NUMBERS, Inputs
from tidegraph.nn.propagation import Side
from tidegraph.ranking.read_side import ReadSide, first_hop, parse_unique_plan
from tidegraph.stages import Requests
from tidegraph.training.weights import tensor

if TYPE_CHECKING:
    from tidegraph.ranking.log_states import LogStates


class Shown(NamedTuple):
    """Whose ids are not hidden, by row of the tables."""

    user: Bool[np.ndarray, " users"]
    item: Bool[np.ndarray, " items"]

    @classmethod
    def drawn(cls, tables: Tables, hidden: float, rng: np.random.Generator) -> "Shown":
        """Draw whose ids are shown.

        Args:
            tables: Whose ids there are.
            hidden: Share of ids that is not.
            rng: Draws.
        """
        item = rng.random(tables.item.known + 1) >= hidden
        return cls(rng.random(tables.user.known + 1) >= hidden, item)

    def hide(self, inputs: Inputs) -> None:
        """Make the ids unknown, in place, of all that are not shown."""
        for part in (inputs.item, inputs.step):
            part[..., 0] *= tensor(self.item)[part[..., 0]]
        inputs.user[:, 0] *= tensor(self.user)[inputs.user[:, 0]]


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads the plans of a click model around users and candidates.

    Attributes:
        user: The plan that starts from users.
        item: The plan that starts from items.
        tables: How nodes become rows of tables.
        features: The shared inputs, which events have, too.
        numbers_read: Which of ``HISTORY_NUMBERS`` the model reads.
    """

    user: Unique
    item: Unique
    tables: Tables
    features: Features
    numbers_read: tuple[str, ...] = HISTORY_NUMBERS

    @classmethod
    def of(
        cls,
        reads: Reads,
        tables: Tables,
        features: Features,
        numbers_read: tuple[str, ...] = HISTORY_NUMBERS,
    ) -> "Reader":
        """Return what reads the plans that a model says.

        Raises:
            ConfigError: One is no plan of unique states.
        """
        user, item = (parse_unique_plan(text) for text in reads)
        return cls(user, item, tables, features, numbers_read)

    @cached_property
    def numbers(self) -> EdgeNumbers:
        """What was known just before the events that have been read."""
        return EdgeNumbers(self.features)

    def around(
        self,
        requests: Requests,
        rows: Int64[np.ndarray, " b"],
        item: Int32[np.ndarray, "b k"],
        shown: Shown | None = None,
        log: "LogStates | None" = None,
    ) -> Around:
        """Return what happened around some requests strictly before each.

        Args:
            requests: Users, clocks and histories.
            rows: Which of them.
            item: Candidates of each; no item has an empty past.
            shown: Whose ids are not hidden; all if left out.
            log: What events are at each layer, in place of what stands below them; a
                history in place of a user has events that it does not hold.

        Raises:
            ConfigError: A plan leads to nodes other than users and items, which have no
                vectors.
        """
        requests = requests.positive
        held = log is not None and bool((requests.user[rows] >= 0).all())
        users = self.users(requests, rows, whole=not held)
        items, place = self.items(requests, rows, item, whole=log is None)
        cross, back = self._cross_columns(requests, rows, item, users, items, place)
        states = [
            self.input_states(requests, rows, side, shown) for side in (users, items)
        ]
        if log is not None:
            if held:
                states[0] = log.around(states[0], "user", users, self.depth["user"])
            states[1] = log.around(states[1], "item", items, self.depth["item"])
        return Around(
            states[0],
            states[1],
            tensor(place),
            tensor(cross),
            tensor(back),
        )

    def nodes(
        self,
        requests: Requests,
        rows: Int64[np.ndarray, " b"],
        item: Int32[np.ndarray, "b k"],
    ) -> tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, " m"]]:
        """Return the items and the users that ``around`` reads, each once."""
        users = self.users(requests.positive, rows)
        items, _ = self.items(requests.positive, rows, item)
        read = {ITEM: list[np.ndarray](), USER: list[np.ndarray]()}
        for side in (users, items):
            for kind, node in zip(side.kinds, side.found.ids, strict=True):
                read[kind].append(node)
        return np.unique(np.concatenate(read[ITEM])), np.unique(
            np.concatenate(read[USER])
        )

    def users(
        self, requests: Requests, rows: Int64[np.ndarray, " b"], *, whole: bool = True
    ) -> ReadSide:
        """Return what happened around the users, or the first hop of it."""
        plan = self.user if whole else first_hop(self.user)
        return ReadSide.of(requests.graph, plan, USER, requests.seeds(rows=rows))

    def items(
        self,
        requests: Requests,
        rows: Int64[np.ndarray, " b"],
        item: Int32[np.ndarray, "b k"],
        *,
        whole: bool = True,
    ) -> tuple[ReadSide, Int64[np.ndarray, "b k"]]:
        """Return the same of the different items, and the place of each."""
        plan = self.item if whole else first_hop(self.item)
        clocks = np.repeat(requests.time[rows], item.shape[1])
        seat, node, clock = distinct_states(item.ravel().astype(np.int64) + 1, clocks)
        seeds = Seeds.of((node - 1).astype(np.int32), clock)
        side = ReadSide.of(requests.graph, plan, ITEM, seeds)
        return side, seat.reshape(item.shape).astype(np.int64)

    @property
    def depth(self) -> dict[Side, int]:
        """How many hops are read around a node of each side."""
        return {"user": len(self.user.hops.steps), "item": len(self.item.hops.steps)}

    def _cross_columns(
        self,
        requests: Requests,
        rows: Int64[np.ndarray, " b"],
        item: Int32[np.ndarray, "b k"],
        users: ReadSide,
        items: ReadSide,
        place: Int64[np.ndarray, "b k"],
    ) -> tuple[Float32[np.ndarray, "b k h c"], Float32[np.ndarray, "b k l d"]]:
        """Return what candidates and users have in common with the others' neighbours.

        For users of candidates the latest ``neighbors.MOST`` events count.
        """
        steps, fans = users.children(), items.children()[place]
        if "cross" not in self.features.groups or "cross" not in self.numbers_read:
            shapes = ((*item.shape, n, 0) for n in (steps.shape[1], fans.shape[2]))
            cross, back = (np.zeros(shape, np.float32) for shape in shapes)
            return cross, back
        turn = _order_latest_first(steps)
        asked = np.concatenate([item, np.take_along_axis(steps, turn, 1)], axis=1)
        past = PastView.of(requests, asked, self.features.category, rows)
        latest = past.item[:, item.shape[1] :]
        past = past._replace(item=np.ascontiguousarray(past.item[:, : item.shape[1]]))
        of_fans = Fans.of(requests.graph[ACTION], np.ascontiguousarray(fans))
        found = cross_with_history(past, np.ascontiguousarray(latest), of_fans)
        return np.take_along_axis(found.cross, turn[:, None, :, None], 2), found.back

    def input_states(
        self,
        requests: Requests,
        rows: Int64[np.ndarray, " b"],
        side: ReadSide,
        shown: Shown | None = None,
    ) -> States:
        """Return what was read around nodes of one side, as a network gets it.

        Args:
            requests: Whose graph it is, and histories in place of users.
            rows: Which of them.
            side: What was read.
            shown: Whose ids are not hidden; all if left out.
        """
        found = side.found
        nodes = [
            self.table_rows(kind, node, shown)
            for kind, node in zip(side.kinds, found.ids, strict=True)
        ]
        if self.tables.event.columns:
            nodes = [
                np.concatenate(
                    [own, self._context_rows(requests.graph, side, depth)], axis=1
                )
                for depth, own in enumerate(nodes)
            ]
        days = [(gap / DAY).astype(np.float32) for gap in found.dt]
        width = self._event_width
        event = [np.zeros((len(found.ids[0]), width), np.float32)]
        for depth in range(1, len(found.ids)):
            event.append(self._event_inputs(requests, rows, side, depth))
        return States(
            tuple(map(tensor, nodes)),
            tuple(map(tensor, side.parent)),
            tuple(tensor(child.astype(np.int64)) for child in found.child),
            tuple(map(tensor, days)),
            tuple(map(tensor, event)),
        )

    def _context_rows(
        self, graph: Snapshot, side: ReadSide, depth: int
    ) -> Int64[np.ndarray, "n f"]:
        """Return the rows of the events that led to a depth; 0 for what asks."""
        edge = np.full(len(side.found.ids[depth]), -1, np.int64)
        if depth:
            edge = side.found.edge[depth].astype(np.int64)
            # Of a history in place of a user nothing is said.
            edge = np.where(edge < graph.edge(ACTION).issued, edge, -1)
        return self.tables.event.rows(graph, edge)

    @property
    def _event_width(self) -> int:
        """Columns of what was known of an event; none where they are not read."""
        return len(self.features.event_names) if "event" in self.numbers_read else 0

    def _event_inputs(
        self,
        requests: Requests,
        rows: Int64[np.ndarray, " b"],
        side: ReadSide,
        depth: int,
    ) -> Float32[np.ndarray, "n m"]:
        """Return what was known just before the events that led to a depth."""
        events, graph = side.events(depth), requests.graph
        if not self._event_width:
            return np.zeros((len(events.number), 0), np.float32)
        beyond = events.number - graph.edge(ACTION).issued
        given = beyond >= 0
        if not given.any():
            return self.numbers.of(graph, events)
        out = np.empty((len(given), len(self.features.event_names)), np.float32)
        out[~given] = self.numbers.of(graph, events.at(np.flatnonzero(~given)))
        # A history without a user, whose events the graph does not hold.
        row = side.parent[depth][given]
        nobody = np.zeros((len(rows), 0), np.int32)
        past = PastView.of(requests, nobody, self.features.category, rows)
        out[given] = self.features.of_events(past.at_events(row, beyond[given]))
        return out

    def table_rows(
        self, kind: str, node: Int32[np.ndarray, " n"], shown: Shown | None = None
    ) -> Int64[np.ndarray, "n f"]:
        """Return the rows of the fields of some nodes in the tables of their kind."""
        rows = (self.tables.item if kind == ITEM else self.tables.user).rows(node)
        if shown is not None:
            rows[:, 0] *= (shown.item if kind == ITEM else shown.user)[rows[:, 0]]
        return rows


def _order_latest_first(steps: Int32[np.ndarray, "b h"]) -> Int64[np.ndarray, "b h"]:
    """Return the place of each neighbour when the latest comes first, and back again.

    Neighbours stand oldest first; the places without one stay behind them.
    """
    count = (steps >= 0).sum(axis=1, keepdims=True)
    place = np.arange(steps.shape[1], dtype=np.int64)
    return np.where(place < count, count - 1 - place, place)


def events_read(requests: Requests, said: EventFields) -> Iterator[object]:
    """Yield the events before the last of some requests, as arrays.

    Args:
        requests: Users and clocks.
        said: What is said of each event.
    """
    edges = requests.graph[ACTION].before(int(requests.time.max()))
    at = edges.slots()
    yield from (edges.degree(), edges.node[at], edges.time_at(at))
    yield said.rows(requests.graph, edges.edge[at].astype(np.int64))
