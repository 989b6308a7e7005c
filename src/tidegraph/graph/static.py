"""Several types of node as one undirected, static graph in compressed rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from jaxtyping import Float64, Int32, Int64, Integer

from tidegraph.data.views.matrix import Matrix
from tidegraph.errors import DataError
from tidegraph.graph.from_log import ITEM, USER
from tidegraph.graph.snapshot import Snapshot
from tidegraph.kernels.ragged import starts

On = Literal["bipartite", "items"]
"""The graph of users and items, or the item-item graph that it induces."""


@dataclass(frozen=True, eq=False)
class StaticGraph:
    """Nodes of several types end to end, linked both ways.

    Parallel edges are one, as strong as all of them together. A loop counts twice at
    its node, as in the degree of an undirected graph.

    Attributes:
        first: The first row of each node type, in order.
        ptr: Where each node's edges start.
        node: The other end of each edge, rising within a node.
        weight: Strength of each edge, above 0.
        strength: The sum of the weights at each node.
    """

    first: Mapping[str, int]
    ptr: Int64[np.ndarray, " starts"]
    node: Int32[np.ndarray, " edges"]
    weight: Float64[np.ndarray, " edges"]
    strength: Float64[np.ndarray, " nodes"]

    @classmethod
    def of(cls, graph: Snapshot, edges: tuple[str, ...]) -> "StaticGraph":
        """Join the nodes that some types of edge join, as of the snapshot.

        Args:
            graph: The edges; ``graph.before(clock)`` for those of the past.
            edges: Edge types.

        Raises:
            DataError: A weight is negative, or there is no such edge.
        """
        types = list(dict.fromkeys(t for e in edges for t in graph.ends(e)))
        sizes = [len(graph.typed(name)) for name in types]
        first_rows = starts(np.array(sizes))
        first = dict(zip(types, first_rows[:-1].tolist(), strict=True))
        whole = scipy.sparse.csr_array(
            (int(first_rows[-1]), int(first_rows[-1])), dtype=np.float64
        )
        for name in edges:
            side, (here, there) = graph[name], graph.ends(name)
            slot = side.slots()
            weight = side.weight_at(slot).astype(np.float64)
            if bool((weight < 0).any()):
                raise DataError(
                    f"edges {name!r} have a weight below 0, and a walk cannot take "
                    "them. Choose another weight."
                )
            ends = (side.owners() + first[here], side.node[slot] + first[there])
            one = scipy.sparse.csr_array((weight, ends), shape=whole.shape)
            whole = whole + one + one.T
        whole.eliminate_zeros()
        return cls._from_csr(first, whole)

    @classmethod
    def bipartite(cls, matrix: Matrix) -> "StaticGraph":
        """Join each user to each item they interacted with; repeats count once."""
        return cls._from_pair_matrix(_unweighted_matrix(matrix))

    @classmethod
    def of_pairs(
        cls,
        user: Integer[np.ndarray, " pairs"],
        item: Integer[np.ndarray, " pairs"],
        users: int,
        items: int,
    ) -> "StaticGraph":
        """Join users and items by pairs of their rows.

        Args:
            user: Row of the user of each pair.
            item: Row of its item; no pair comes twice.
            users: How many users there are.
            items: How many items there are.
        """
        ones = np.ones(len(user))
        shape = (users, items)
        return cls._from_pair_matrix(
            scipy.sparse.csr_array((ones, (user, item)), shape=shape)
        )

    @classmethod
    def _from_pair_matrix(cls, pairs: "scipy.sparse.csr_array") -> "StaticGraph":
        both = scipy.sparse.block_array([[None, pairs.T], [pairs, None]], format="csr")
        items = int(pairs.shape[1])
        return cls._from_csr({ITEM: 0, USER: items}, scipy.sparse.csr_array(both))

    @classmethod
    def between_items(cls, matrix: Matrix, least_users: int = 1) -> "StaticGraph":
        """Join two items that enough users interacted with, as strongly as they are.

        Args:
            matrix: Who interacted with what.
            least_users: How many users an edge needs.
        """
        return cls.induced(_unweighted_matrix(matrix), least_users)

    @classmethod
    def induced(
        cls, pairs: "scipy.sparse.csr_array", least_users: int = 1
    ) -> "StaticGraph":
        """Join two items that enough users share, from pairs of which each counts once.

        Args:
            pairs: A row per user, a column per item.
            least_users: How many users an edge needs.
        """
        ones = (np.ones(len(pairs.indices)), pairs.indices, pairs.indptr)
        once = scipy.sparse.csr_array(ones, shape=pairs.shape)
        shared = scipy.sparse.csr_array(once.T @ once).tocoo()
        row, column = shared.coords
        kept = (row != column) & (shared.data >= least_users)
        edges = (shared.data[kept], (row[kept], column[kept]))
        size = int(pairs.shape[1])
        return cls._from_csr(
            {ITEM: 0}, scipy.sparse.csr_array(edges, shape=(size, size))
        )

    @classmethod
    def of_matrix(cls, adjacency: "scipy.sparse.csr_array") -> "StaticGraph":
        """Return nodes of one type, items, with the edges of a symmetric matrix.

        Args:
            adjacency: Strength of each edge, above 0, in both directions.
        """
        return cls._from_csr({ITEM: 0}, adjacency)

    @classmethod
    def _from_csr(
        cls, first: Mapping[str, int], whole: "scipy.sparse.csr_array"
    ) -> "StaticGraph":
        whole.sort_indices()
        return cls(
            first,
            whole.indptr.astype(np.int64),
            whole.indices.astype(np.int32, copy=False),
            whole.data.astype(np.float64, copy=False),
            np.asarray(whole @ np.ones(whole.shape[0])),
        )

    def __len__(self) -> int:
        return len(self.strength)

    def size(self, name: str) -> int:
        """Return how many nodes of a type there are."""
        # By their order: types without nodes start where the next one does.
        first = [*self.first.values(), len(self)]
        place = list(self.first).index(name)
        return first[place + 1] - first[place]

    def rows(
        self, name: str, nodes: Int32[np.ndarray, " n"]
    ) -> Int32[np.ndarray, " n"]:
        """Return the rows here of nodes of a type."""
        return (nodes + self.first[name]).astype(np.int32)

    def kinds(self, rows: Int32[np.ndarray, " n"]) -> Int32[np.ndarray, " n"]:
        """Return the number of the type of each row, in the order of ``first``."""
        first = np.array(list(self.first.values()))
        return (np.searchsorted(first, rows, side="right") - 1).astype(np.int32)

    def degree(self) -> Int64[np.ndarray, " nodes"]:
        """Return how many neighbours each node has."""
        return np.diff(self.ptr)

    def csr(self) -> "scipy.sparse.csr_array":
        """Return the adjacency matrix, sharing memory."""
        shape = (len(self), len(self))
        return scipy.sparse.csr_array((self.weight, self.node, self.ptr), shape=shape)


def _unweighted_matrix(matrix: Matrix) -> "scipy.sparse.csr_array":
    ones = np.ones(len(matrix.item))
    return scipy.sparse.csr_array((ones, matrix.item, matrix.ptr), shape=matrix.shape)
