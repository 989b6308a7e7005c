"""Degrees of a graph of users and items, to some powers."""

from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float32, Float64

from tidegraph.graph.from_log import ITEM
from tidegraph.graph.static import StaticGraph

_GAINS: WeakKeyDictionary[StaticGraph, dict[tuple[str, float], np.ndarray]] = (
    WeakKeyDictionary()
)


def degree_powers(
    graph: StaticGraph, item: float = 0.0, user: float = 0.0
) -> tuple[Float64[np.ndarray, " items"], Float64[np.ndarray, " users"]]:
    """Return the degrees of items and of users to some powers, 0 where there are none.

    Args:
        graph: Items first, then users.
        item: Power of the degrees of items.
        user: Power of the degrees of users.
    """
    degree, items = graph.degree(), graph.size(ITEM)
    return _degree_to_power(degree[:items], item), _degree_to_power(
        degree[items:], user
    )


def node_gains(
    graph: StaticGraph, name: str, power: float
) -> Float32[np.ndarray, " nodes"]:
    """Return the degrees of one type of node to a power, 0 where there are none.

    They are kept as long as the graph is, so that a request does not cost all nodes.

    Args:
        graph: Items and users.
        name: Which of them.
        power: Power of their degrees.
    """
    known = _GAINS.setdefault(graph, {})
    if (name, power) not in known:
        first = graph.first[name]
        degree = graph.degree()[first : first + graph.size(name)]
        known[name, power] = _degree_to_power(degree, power).astype(np.float32)
    return known[name, power]


def _degree_to_power(degree: np.ndarray, power: float) -> np.ndarray:
    linked = degree > 0
    return np.where(linked, np.where(linked, degree, 1.0) ** power, 0)
