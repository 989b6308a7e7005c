"""One hop from a history over the users who share it, none of them left out."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

from tidegraph.arguments import settings
from tidegraph.graph.from_log import ITEM
from tidegraph.graph.static import StaticGraph
from tidegraph.kernels.jit import compiled, over_rows_in
from tidegraph.kernels.sparse_rows import SparseRows
from tidegraph.ranges import at_least
from tidegraph.retrieval.filters.degrees import powers

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

    def solve(self, graph: StaticGraph) -> Mapping[str, np.ndarray]:
        """Return nothing: a walk needs only the graph."""
        return _NOTHING

    def scores(
        self,
        graph: StaticGraph,
        solved: Mapping[str, np.ndarray],
        history: SparseRows,
    ) -> Float32[np.ndarray, "b items"]:
        """Return the sum of the walks to every item, 0 where none ends."""
        items = graph.size(ITEM)
        share, of_users = powers(graph, -self.item, -self.user)
        gain = np.concatenate([share, of_users]).astype(np.float32)
        target = powers(graph, -self.target)[0].astype(np.float32)
        out = np.zeros((len(history), items), np.float32)
        users = len(graph) - items
        rows = (history.ptr, history.column, history.weight)
        over_rows_in(
            lambda: (np.zeros(users, np.float32), np.empty(users, np.int32)),
            lambda room, a, b: _walk(
                room, rows, (graph.ptr, graph.node), gain, target, out, a, b
            ),
            len(history),
            grain=8,
        )
        return out


@compiled
def _walk(
    room: tuple[np.ndarray, np.ndarray],
    history: tuple[np.ndarray, np.ndarray, np.ndarray],
    graph: tuple[np.ndarray, np.ndarray],
    gain: np.ndarray,
    target: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
) -> None:
    shared, touched = room
    start, item, weight = history
    ptr, node = graph
    items = target.size
    for row in range(first, last):
        count = 0
        for h in range(start[row], start[row + 1]):
            i = item[h]
            part = weight[h] * gain[i]
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
            part = shared[v] * gain[items + v]
            shared[v] = 0
            for e in range(ptr[items + v], ptr[items + v + 1]):
                score[node[e]] += part
        for i in range(items):
            score[i] *= target[i]
