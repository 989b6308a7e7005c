"""No neighbours: a vector of one's own, as matrix factorisation has."""

from dataclasses import dataclass

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.graph_inputs import Bipartite

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@dataclass(frozen=True)
class Identity:
    """Every node is its own receptive field."""

    def build(self, graph: Bipartite, size: int) -> "Tables":
        """Return the two tables, with weights yet to be drawn."""
        return Tables(graph, size)


class Tables(nn.Module):
    """A vector per user and per item."""

    def __init__(self, graph: Bipartite, size: int) -> None:
        super().__init__()
        self.user = nn.Embedding(graph.users, size)
        self.item = nn.Embedding(graph.items, size)

    def forward(self) -> tuple[Float[Tensor, "users d"], Float[Tensor, "items d"]]:
        """Return the vectors of users and of items."""
        return self.user.weight, self.item.weight
