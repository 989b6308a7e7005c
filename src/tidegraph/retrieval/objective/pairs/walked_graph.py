"""What vectors are made of: users, items, and what further edges lead to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from tidegraph.graph.from_log import ITEM, USER
from tidegraph.graph.snapshot import Snapshot
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.retrieval.scoring.evidence import evident_graph
from tidegraph.stages import Fold
from tidegraph.training.weights import tensor

Ends = Int64[np.ndarray, " pairs"]


@dataclass(frozen=True, eq=False)
class WalkedGraph:
    """Nodes in one numbering, and the edges between them.

    Users and items are numbered up to the last that has an edge; of the other types all
    nodes are. With further edges, users and items without an action are there, too.

    Attributes:
        inputs: Who is linked with whom, each pair once.
        first: The number of the first node of each type.
    """

    inputs: GraphInputs
    first: Mapping[str, int]

    @classmethod
    def of(
        cls, fold: Fold, user: Ends, item: Ends, further: tuple[str, ...]
    ) -> "WalkedGraph":
        """Return the graph of some pairs of users and items and of further edges.

        Args:
            fold: What the pairs were taken from.
            user: The user of each pair.
            item: The item of each.
            further: Types of edges beside actions.

        Raises:
            RequestError: The graph has no edges of such a type.
        """
        if not further:
            users, items = int(user.max()) + 1, int(item.max()) + 1
            inputs = GraphInputs.bipartite(users, items, tensor(user), tensor(item))
            return cls(inputs, {USER: 0, ITEM: users})
        graph = fold.view(evident_graph)
        linked = {(USER, ITEM): [(user, item)]}
        for edge in further:
            linked.setdefault(graph.ends(edge), []).append(_pairs_along(graph, edge))
        sizes = {USER: 0, ITEM: 0}
        for ends, pairs in linked.items():
            for side, name in enumerate(ends):
                rows = max(int(pair[side].max(initial=-1)) + 1 for pair in pairs)
                every = 0 if name in (USER, ITEM) else len(graph.typed(name))
                sizes[name] = max(sizes.get(name, 0), rows, every)
        begins = np.concatenate([[0], np.cumsum(list(sizes.values()))]).tolist()
        first = dict(zip(sizes, begins[:-1], strict=True))
        inputs = _joined(linked, first, begins[-1])
        inputs = inputs._replace(users=sizes[USER], items=sizes[ITEM])
        others = begins[-1] - sizes[USER] - sizes[ITEM]
        return cls(inputs._replace(others=others), first)


def _pairs_along(graph: Snapshot, edge: str) -> tuple[Ends, Ends]:
    """Return who is linked with whom by edges of a weight above 0."""
    side = graph[edge]
    slot = side.slots()
    there = side.strength_of(side.edge[slot]) > 0
    ends = side.owners()[there], side.node[slot][there]
    source, target = (end.astype(np.int64) for end in ends)
    return source, target


def _joined(
    linked: Mapping[tuple[str, str], list[tuple[Ends, Ends]]],
    first: Mapping[str, int],
    nodes: int,
) -> GraphInputs:
    """Return all edges in both directions, each pair of nodes once."""
    keys = [np.zeros(0, np.int64)]
    for (here, there), pairs in linked.items():
        for source, target in pairs:
            source, target = source + first[here], target + first[there]
            keys += [source * nodes + target, target * nodes + source]
    row, column = np.divmod(np.unique(np.concatenate(keys)), nodes)
    weight = tensor(np.ones(len(row), np.float32))
    return GraphInputs(0, 0, tensor(row), tensor(column), weight)
