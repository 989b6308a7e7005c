"""Rows of a network's tables for users and items: ids and further fields."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int32, Int64

from tidegraph.artifact.sealed import State
from tidegraph.data.ids.vocabulary import Vocabulary
from tidegraph.data.views.feature_column import feature_of_nodes, has_fractions
from tidegraph.errors import ConfigError
from tidegraph.features.context import EVENT, EventFields
from tidegraph.features.values import (
    category_numbers,
    quantile_codes,
)
from tidegraph.graph.from_log import ACTION, ITEM, USER
from tidegraph.graph.snapshot import Snapshot
from tidegraph.stages import Requests


def _no_codes() -> Int32[np.ndarray, "0 0"]:
    return np.zeros((0, 0), np.int32)


def _no_nodes() -> Int32[np.ndarray, " 0"]:
    return np.zeros(0, np.int32)


@dataclass(frozen=True, eq=False)
class Side:
    """Nodes of one kind as rows of tables, whose row 0 stands for the unknown.

    Attributes:
        known: How many nodes have a row of their own in the first table.
        kinds: How many values each further field has.
        code: Row of each node in the tables of the further fields, 0 for none.
        spare: How many more rows the first table has, for nodes to come.
        untrained: Known nodes that do not occur in training, which are unknown there.
    """

    known: int
    kinds: tuple[int, ...] = ()
    code: Int32[np.ndarray, "nodes f"] = field(default_factory=_no_codes)
    spare: int = 0
    untrained: Int32[np.ndarray, " n"] = field(default_factory=_no_nodes)

    @classmethod
    def of(
        cls, nodes: Vocabulary, kind: str, columns: tuple[str, ...], known: int
    ) -> "Side":
        """Return nodes with some fields.

        A number with a fraction is cut into ranges, of as many nodes each; every other
        value is a kind of its own. Both are learnt from the first ``known`` nodes: a
        value that none of them has is unknown.

        Args:
            nodes: All nodes.
            kind: ``item`` or ``user``.
            columns: Features that are fields.
            known: How many nodes there were when training ended.

        Raises:
            DataError: There is no such feature, or it has lists.
        """
        kinds: list[int] = []
        code = np.zeros((len(nodes), len(columns)), np.int32)
        for n, column in enumerate(columns):
            values = feature_of_nodes(nodes, column, kind)
            numbered = (
                quantile_codes if has_fractions(values[:known]) else category_numbers
            )
            count, code[:, n] = numbered(values, known)
            kinds.append(count)
        return cls(known, tuple(kinds), code)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many values each field has room for, the id first."""
        return (self.known + self.spare, *self.kinds)

    @cached_property
    def _own_row(self) -> Int64[np.ndarray, " rows"]:
        """Row of each node in the first table; first of no node, last of later ones."""
        row = np.arange(self.known + 2)
        row[-1] = 0
        row[self.untrained + 1] = 0
        return row

    def trained_on(self, nodes: Int32[np.ndarray, " n"]) -> "Side":
        """Return the same, in which all is unknown but some nodes and their kinds."""
        known, code = np.arange(self.known, dtype=np.int32), self.code.copy()
        held = self.code[nodes[(nodes >= 0) & (nodes < len(self.code))]]
        for n, kinds in enumerate(self.kinds):
            seen = np.zeros(kinds + 1, np.bool_)
            seen[held[:, n]] = True
            code[~seen[code[:, n]], n] = 0
        return replace(self, code=code, untrained=np.setdiff1d(known, nodes))

    def never_unknown(self, nodes: Int32[np.ndarray, " n"]) -> Bool[np.ndarray, " f"]:
        """Return of which fields, the id first, all of some nodes have a known value.

        Args:
            nodes: Their rows; -1 is a node of which nothing is known.
        """
        return np.asarray((self.rows(nodes) > 0).all(axis=0))

    def reaching(self, known: int) -> "Side":
        """Return the same with a row for so many nodes; no fewer than there are.

        Tables then grow by an eighth to a quarter at once, since those of one length
        need no other graph on devices.
        """
        if len(self.untrained):
            return replace(self, untrained=_no_nodes()).reaching(known)
        if known <= self.known:
            return self
        grain = max(4, 1 << known.bit_length() >> 3)
        return replace(self, known=known, spare=-known % grain)

    def without(self, nodes: Int32[np.ndarray, " n"]) -> "Side":
        """Return the same, of which the fields of some nodes say nothing."""
        code = self.code.copy()
        code[nodes[nodes < len(code)]] = 0
        return replace(self, code=code)

    def rows(self, node: Int32[np.ndarray, "*shape"]) -> Int64[np.ndarray, "*shape f"]:
        """Return the rows of nodes; what the tables do not know has row 0."""
        out = np.zeros((*node.shape, 1 + len(self.kinds)), np.int64)
        out[..., 0] = self._own_row[np.minimum(node, self.known) + 1]
        held = (node >= 0) & (node < len(self.code))
        out[held, 1:] = self.code[node[held]]
        return out


@dataclass(frozen=True, eq=False)
class Tables:
    """How users and items become rows of tables.

    Attributes:
        item: Items.
        user: Users.
        event: Events, by what the log says of each.
    """

    item: Side
    user: Side
    event: EventFields = field(default_factory=EventFields)

    @classmethod
    def of(
        cls,
        requests: Requests,
        fields: tuple[str, ...],
        *,
        ids: bool | Literal["item"] = True,
    ) -> "Tables":
        """Return the tables of what had an action before the last of some requests.

        Args:
            requests: Requests, each at its time.
            fields: Names of further fields, such as ``item.color``, ``user.age`` or
                ``event.device``.
            ids: Does each node have a row of its own, or each item alone?

        Raises:
            DataError: There is no such feature, or it has lists.
        """
        graph = requests.graph
        items = _side_of_kind(graph, ITEM, requests, fields, ids=ids is not False)
        users = _side_of_kind(graph, USER, requests, fields, ids=ids is True)
        return cls(
            items, users, EventFields.of(requests, _columns_of_kind(fields, EVENT))
        )

    def trained_on(
        self, item: Int32[np.ndarray, " n"], user: Int32[np.ndarray, " m"]
    ) -> "Tables":
        """Return the same, in which all but some items, users and kinds are unknown.

        The row of another is as it was drawn, which is noise.
        """
        return replace(
            self, item=self.item.trained_on(item), user=self.user.trained_on(user)
        )

    def without_users(self, rows: Int32[np.ndarray, " n"]) -> "Tables":
        """Return the same, without what the fields said of some users."""
        return replace(self, user=self.user.without(rows))

    def state(self) -> State:
        """Return what a file needs to hold."""
        return State(
            kind="Tables",
            settings={
                name: {
                    "known": side.known,
                    "kinds": list(side.kinds),
                    "spare": side.spare,
                }
                for name, side in ((ITEM, self.item), (USER, self.user))
            },
            arrays={
                ITEM: self.item.code,
                USER: self.user.code,
                f"{ITEM}.untrained": self.item.untrained,
                f"{USER}.untrained": self.user.untrained,
            },
            parts={EVENT: self.event.state()} if self.event.columns else {},
        )

    @classmethod
    def from_state(cls, state: State) -> "Tables":
        """Rebuild from what ``state`` returned."""
        sides: list[Side] = []
        for name in (ITEM, USER):
            table = state.settings[name]
            known, kinds = table["known"], tuple(table["kinds"])
            # Tables that were saved before have neither.
            spare = table.get("spare", 0)
            untrained = state.arrays.get(f"{name}.untrained", _no_nodes())
            sides.append(Side(known, kinds, state.arrays[name], spare, untrained))
        event = EventFields()
        if EVENT in state.parts:
            event = state.part(EVENT, EventFields)
        return cls(sides[0], sides[1], event)


def check_fields(fields: tuple[str, ...]) -> None:
    """Refuse a field that says not whose it is.

    Raises:
        ConfigError: There is one, or one is there twice.
    """
    for name in fields:
        kind, dot, column = name.partition(".")
        if kind not in (ITEM, USER, EVENT) or not dot or not column:
            raise ConfigError(
                f"there is no field {name!r}. Say whose feature it is: "
                f'"item.{column or name}", "user.{column or name}", or '
                f'"event.{column or name}" for a column of the log\'s context.'
            )
        if fields.count(name) > 1:
            raise ConfigError(f"the field {name!r} is there twice. Leave one out.")


def _side_of_kind(
    graph: Snapshot,
    kind: str,
    requests: Requests,
    fields: tuple[str, ...],
    *,
    ids: bool,
) -> Side:
    own = _columns_of_kind(fields, kind)
    known = count_known_before(graph, kind, requests.latest)
    side = Side.of(graph.typed(kind).vocabulary, kind, own, known)
    return side if ids else Side(0, side.kinds, side.code)


def _columns_of_kind(fields: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """Return the columns of the fields of one kind."""
    return tuple(f.partition(".")[2] for f in fields if f.startswith(f"{kind}."))


def count_known_before(graph: Snapshot, kind: str, clock: int) -> int:
    """Return how many nodes had an action strictly before a moment.

    Rows are by first appearance, so what comes later cannot change their number.

    Args:
        graph: Everything that happened.
        kind: ``item`` or ``user``.
        clock: The moment, in Unix seconds.
    """
    edges = graph[f"~{ACTION}" if kind == ITEM else ACTION]
    nodes = np.arange(len(edges), dtype=np.int32)
    latest = np.full(len(nodes), clock, np.int64)
    start, stop = edges.span_before(nodes, latest)
    return int(np.flatnonzero(stop > start).max(initial=-1)) + 1
