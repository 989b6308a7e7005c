"""The two sides of a bipartite graph, as encoders get them."""

from typing import NamedTuple

from jaxtyping import Int

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    from torch import Tensor


class Bipartite(NamedTuple):
    """Which user is linked to which item, each pair once.

    Attributes:
        users: How many users there are.
        items: How many items there are.
        user: User of each edge.
        item: Item of each edge.
    """

    users: int
    items: int
    user: Int[Tensor, " edges"]
    item: Int[Tensor, " edges"]
