"""One hop from a history over the users who share it, none of them left out."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32, Int32, Int64

from tidegraph.arguments import settings
from tidegraph.graph.from_log import ITEM, USER
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.distinct_numbers import Few, are_few
from tidegraph.kernels.jit import compiled, over_rows_in, sealed
from tidegraph.kernels.ragged import owners, ranges, starts, starts_where
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.ranges import at_least
from tidegraph.retrieval.filters.columns import score_columns
from tidegraph.retrieval.filters.degrees import node_gains

_NOTHING: Mapping[str, np.ndarray] = {}


@settings
class Hop:
    """Walks from each item of the history over its users to their items.

    With x_h the weight of history item h, d the degrees of items and n those of users,
    the item i gets d_i^-target sum_h x_h d_h^-item sum_v n_v^-user, for each user v of
    h and i. No item keeps a list of neighbours, so none is cut off: the walks are done
    at the request, in time linear in the interactions of the users that share an item.

    (item, user, target) = (1, 1, 0) are the walks of two steps of personalised
    PageRank, (a, a, b) those of RP3beta without its cut, (.5, 1, .5) the linear part of
    GF-CF.

    Attributes:
        item: Power of the degree of a history item that its weight is divided by.
        user: Power of the degree of a user that a walk over them is divided by.
        target: Power of the degree of an item that its score is divided by.
    """

    item: float = 0.5
    user: float = 1.0
    target: float = 0.5

    def __post_init__(self) -> None:
        at_least("Hop", 0, item=self.item, user=self.user, target=self.target)

    def precomputed(self, graph: StaticGraph) -> Mapping[str, np.ndarray]:
        """Return nothing: a walk needs only the graph."""
        return _NOTHING

    def scores(
        self,
        graph: StaticGraph,
        solved: Mapping[str, np.ndarray],
        history: SparseRows,
    ) -> Float32[np.ndarray, "b items"]:
        """Return the sum of the walks to every item, 0 where none ends."""
        target = node_gains(graph, ITEM, -self.target)
        back = graph.ptr[graph.size(ITEM) :], graph.node
        return self._walks(graph, history, back, target)

    def scores_of(
        self,
        graph: StaticGraph,
        solved: Mapping[str, np.ndarray],
        history: SparseRows,
        item: Int32[np.ndarray, " some"],
    ) -> Float32[np.ndarray, "b some"]:
        """Return the sum of the walks to some items, over the edges that end there."""
        ptr, items, users = graph.ptr, graph.size(ITEM), graph.size(USER)
        edges = ptr[item + 1] - ptr[item]
        steps = ptr[history.column + 1] - ptr[history.column]
        if edges.sum() > steps.sum():
            # There are fewer walks than edges to pick.
            return score_columns(
                lambda some: self.scores(graph, solved, some), history, item
            )
        own = starts(edges)
        user = graph.node[ranges(ptr[item], own)] - items
        target = node_gains(graph, ITEM, -self.target)[item]
        if not are_few(len(user) + int(steps.sum()), users):
            back = _group_by_user(user, owners(own), users)
            return self._walks(graph, history, back, target)
        some = Few.of(user)
        back = _group_by_user(some.places(user), owners(own), len(some))
        share = node_gains(graph, ITEM, -self.item)[history.column]
        gain = share, node_gains(graph, USER, -self.user)[some.number], target
        # Each entry of a history walks over those of its users who have such an item.
        walks = starts(steps)
        over = some.places(graph.node[ranges(ptr[history.column], walks)] - items)
        there = over >= 0
        edges = starts_where(walks, there), over[there] + len(share), *back
        entry = np.arange(len(share), dtype=np.int32)
        return _sum_walks((history.ptr, entry, history.weight), edges, gain)

    def _walks(
        self,
        graph: StaticGraph,
        history: SparseRows,
        back: tuple[np.ndarray, np.ndarray],
        target: Float32[np.ndarray, " some"],
    ) -> Float32[np.ndarray, "b some"]:
        """Walk from each history to the items of its users that ``back`` has."""
        rows = (history.ptr, history.column, history.weight)
        gain = (
            node_gains(graph, ITEM, -self.item),
            node_gains(graph, USER, -self.user),
            target,
        )
        return _sum_walks(rows, (graph.ptr, graph.node, *back), gain)


def _group_by_user(
    user: Int32[np.ndarray, " edges"],
    place: Int64[np.ndarray, " edges"],
    users: int,
) -> tuple[Int64[np.ndarray, " starts"], Int32[np.ndarray, " edges"]]:
    """Return the places of each user, in their order, and so that of their sums."""
    order = np.argsort(user, kind="stable")
    count = starts(np.bincount(user, minlength=users))
    return count, place[order].astype(np.int32)


def _sum_walks(
    history: tuple[np.ndarray, np.ndarray, np.ndarray],
    edges: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    gain: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> Float32[np.ndarray, "b some"]:
    """Return the sum of the walks of each history; see ``_score_by_hop``.

    Args:
        history: Where each starts, its items and their weights.
        edges: Where the users of each item start, these users, numbered behind the
            items, where the answered items of each user start, and these.
        gain: What an item, a user and an answered item multiply by.
    """
    count, (_, of_users, target) = len(history[0]) - 1, gain
    out = np.zeros((count, len(target)), np.float32)
    users, held = len(of_users), sealed(*edges)
    over_rows_in(
        lambda: (np.zeros(users, np.float32), np.empty(users, np.int32)),
        lambda room, a, b: _score_by_hop(room, history, held, gain, out, a, b),
        count,
        grain=8,
    )
    return out


@compiled
def _score_by_hop(
    room: tuple[np.ndarray, np.ndarray],
    history: tuple[np.ndarray, np.ndarray, np.ndarray],
    graph: tuple[np.ndarray, ...],
    gain: tuple[np.ndarray, np.ndarray, np.ndarray],
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    shared, touched = room
    start, item, weight = history
    ptr, node, back_ptr, back = graph
    share, of_users, target = gain
    items = share.size
    for row in range(first, last):
        count = 0
        for h in range(start[row], start[row + 1]):
            i = item[h]
            part = weight[h] * share[i]
            if part == 0:
                # Too old to count; it would not mark the users that it touches.
                continue
            for e in range(ptr[i], ptr[i + 1]):
                v = node[e] - items
                if shared[v] == 0:
                    touched[count] = v
                    count += 1
                shared[v] += part
        score = out[row]
        for t in range(count):
            v = touched[t]
            part = shared[v] * of_users[v]
            shared[v] = 0
            for e in range(back_ptr[v], back_ptr[v + 1]):
                score[back[e]] += part
        for i in range(target.size):
            score[i] *= target[i]
