"""The graph as encoders get it: nodes in one numbering, edges in both directions."""

from typing import NamedTuple

from jaxtyping import Float, Int

from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


class GraphInputs(NamedTuple):
    """Nodes and edges: users come first, item ``i`` is node ``users + i``.

    Attributes:
        users: How many users there are; 0 for a graph of items alone.
        items: How many items there are.
        row: Where each edge leads to, increasing.
        column: Where it comes from.
        weight: How strong it is.
    """

    users: int
    items: int
    row: Int[Tensor, " edges"]
    column: Int[Tensor, " edges"]
    weight: Float[Tensor, " edges"]

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return self.users + self.items

    @classmethod
    def bipartite(
        cls,
        users: int,
        items: int,
        user: Int[Tensor, " pairs"],
        item: Int[Tensor, " pairs"],
    ) -> "GraphInputs":
        """Return the graph of pairs of users and items, each of strength 1."""
        row = torch.cat([user, item + users])
        order = torch.argsort(row, stable=True)
        column = torch.cat([item + users, user])[order]
        return cls(users, items, row[order], column, torch.ones(len(row)))
