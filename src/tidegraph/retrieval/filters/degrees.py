"""Degrees of a graph of users and items, to some powers."""

import numpy as np
from jaxtyping import Float64

from tidegraph.graph.from_log import ITEM
from tidegraph.graph.static import StaticGraph


def powers(
    graph: StaticGraph, item: float = 0.0, user: float = 0.0
) -> tuple[Float64[np.ndarray, " items"], Float64[np.ndarray, " users"]]:
    """Return the degrees of items and of users to some powers, 0 where there are none.

    Args:
        graph: Items first, then users.
        item: Power of the degrees of items.
        user: Power of the degrees of users.
    """
    degree, items = graph.degree().astype(np.float64), graph.size(ITEM)
    linked = degree > 0
    safe = np.where(linked, degree, 1)
    of_items = np.where(linked[:items], safe[:items] ** item, 0)
    of_users = np.where(linked[items:], safe[items:] ** user, 0)
    return of_items, of_users
