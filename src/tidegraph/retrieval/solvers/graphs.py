"""The graph that a solver works on, and what does not fit."""

import numpy as np
import scipy

from tidegraph.errors import ConfigError
from tidegraph.graph.static import On, StaticGraph
from tidegraph.kernels.ragged import owners
from tidegraph.retrieval.scoring.memory import check_item_graph, check_memory

_LANCZOS = 24
"""Bytes for each number of a vector of doubles: 3, of which the method keeps 2."""


def graph_of(solver: str, pairs: "scipy.sparse.csr_array", on: On) -> StaticGraph:
    """Return the graph of pairs, each counting once.

    An edge of the item graph weighs how many users have both; there, a user is their
    history.

    Args:
        solver: Its name.
        pairs: A row per user, a column per item.
        on: Which graph.

    Raises:
        ConfigError: It takes more memory than the machine has.
    """
    if on == "items":
        check_item_graph(solver, pairs)
    if on == "bipartite":
        user = owners(pairs.indptr.astype(np.int64))
        return StaticGraph.of_pairs(user, pairs.indices, *pairs.shape)
    return StaticGraph.induced(pairs)


def check_size(
    solver: str,
    size: int,
    graph: StaticGraph,
    instead: str = 'Take on = "bipartite"',
) -> None:
    """Refuse more numbers in a vector than there are singular vectors.

    Args:
        solver: Its name.
        size: Numbers in a vector.
        graph: What it works on.
        instead: What else can be done where no two items share a user.

    Raises:
        ConfigError: The graph is too small, or without an edge.
    """
    if not len(graph.node):
        raise ConfigError(
            f"{solver} has nothing to work on: no two items share a user. {instead}."
        )
    if size >= len(graph):
        raise ConfigError(
            f"{solver} has embedding_size={size}, but the graph has {len(graph):,} "
            "nodes, and a vector must have fewer numbers than that. Lower it."
        )


def nodes_of(solver: str, pairs: "scipy.sparse.csr_array", on: On) -> int:
    """Return how many nodes the graph of pairs has.

    Raises:
        ConfigError: It is one of items, and takes more memory than the machine has.
    """
    users, items = (int(count) for count in pairs.shape)
    if on == "items":
        check_item_graph(solver, pairs)
    return users + items if on == "bipartite" else items


def check_vectors(
    solver: str, nodes: int, size: int, each: int = _LANCZOS, instead: str = ""
) -> None:
    """Refuse vectors that would not fit, before any work.

    Args:
        solver: Its name.
        nodes: How many have vectors.
        size: Numbers in a vector.
        each: Bytes that it takes at least for each number.
        instead: What else can be done; ends the sentence.

    Raises:
        ConfigError: They would take more than the machine has.
    """
    instead = instead or "lower embedding_size, or leave out who has few events"
    check_memory(f"{solver} on {nodes:,} nodes", nodes * size * each, instead)


def check_dense(
    solver: str, nodes: int, each: int, limit_gb: float, instead: str
) -> None:
    """Refuse dense matrices that would not fit, before any work.

    Args:
        solver: Its name.
        nodes: As many as a matrix has rows and columns.
        each: Bytes for each pair of nodes, all matrices together.
        limit_gb: ``memory_limit_gb``, in 10^9 bytes.
        instead: What else can be done; ends the sentence.

    Raises:
        ConfigError: They would take more than the limit.
    """
    check_memory(f"{solver} on {nodes:,} nodes", nodes**2 * each, instead, limit_gb)
