"""The graph as encoders get it: nodes in one numbering, edges in both directions."""

from typing import NamedTuple

from jaxtyping import Float, Int

from tidegraph.errors import ConfigError
from tidegraph.extras import needed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


class NodeFeatures(NamedTuple):
    """What is known of nodes beside their edges, also of nodes past those of a graph.

    Attributes:
        category: Number of the value of each category; 0 where it is not known.
        sizes: How many numbers each category has, that 0 included.
        number: Numbers, of about the same size; 0 where one is not known.
    """

    category: Int[Tensor, "nodes c"]
    sizes: tuple[int, ...]
    number: Float[Tensor, "nodes f"]

    def of(self, nodes: Int[Tensor, " n"]) -> "NodeFeatures":
        """Return those of some nodes."""
        nodes = nodes.to(self.category.device)
        return NodeFeatures(self.category[nodes], self.sizes, self.number[nodes])


class GraphInputs(NamedTuple):
    """Nodes and edges: users come first, item ``i`` is node ``users + i``.

    Nodes of other types, such as brands, come last.

    Attributes:
        users: How many users there are; 0 for a graph of items alone.
        items: How many items there are.
        row: Where each edge leads to, increasing.
        column: Where it comes from, increasing among those that lead to one node.
        weight: How strong it is.
        features: What is known of each node, if anything is.
        others: How many nodes there are that are neither users nor items.
    """

    users: int
    items: int
    row: Int[Tensor, " edges"]
    column: Int[Tensor, " edges"]
    weight: Float[Tensor, " edges"]
    features: NodeFeatures | None = None
    others: int = 0

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return self.users + self.items + self.others

    def check_two_sided(self, name: str) -> None:
        """Refuse edges that lead from users to anything but items.

        Args:
            name: Who knows no other edges.

        Raises:
            ConfigError: There are some.
        """
        end = self.users + self.items
        ours = self.column[self.row < self.users]
        if self.others or bool(((ours < self.users) | (ours >= end)).any()):
            raise ConfigError(
                f"{name} reads edges between users and items alone, and the walks or "
                "the ego take further ones. Choose another encoder, or leave those out."
            )

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
