"""LightGCN: vectors walk along normalised edges, and nothing else is learnt."""

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.conv.identity import Tables
from tidegraph.nn.graph_inputs import Bipartite
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


@settings
class LightPropagation:
    """The mean of a node's vectors after 0 to ``layers`` steps over all edges.

    Attributes:
        layers: How far the receptive field reaches.
    """

    layers: int = 3

    def __post_init__(self) -> None:
        at_least("LightGCN", 1, layers=self.layers)

    def build(self, graph: Bipartite, size: int) -> Tables:
        """Return the network, with weights yet to be drawn."""
        return LightNetwork(graph, size, self.layers)


class LightNetwork(Tables):
    """Propagation over the symmetrically normalised adjacency matrix.

    Source:
        He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for
        Recommendation", SIGIR 2020, equations 3, 4 and 8 with equal weights.
    """

    def __init__(self, graph: Bipartite, size: int, layers: int) -> None:
        super().__init__(graph, size)
        self.layers = layers
        degree = [
            torch.bincount(side, minlength=count).clamp(min=1).float()
            for side, count in ((graph.user, graph.users), (graph.item, graph.items))
        ]
        share = (degree[0][graph.user] * degree[1][graph.item]).rsqrt()
        # Not a buffer: it is no weight, and is made again from the graph.
        self.to_user = _sparse(graph.user, graph.item, share, graph.users, graph.items)
        self.to_item = _sparse(graph.item, graph.user, share, graph.items, graph.users)

    def forward(self) -> tuple[Float[Tensor, "users d"], Float[Tensor, "items d"]]:
        """Return the vectors of users and of items."""
        user, item = super().forward()
        users, items = [user], [item]
        to_user, to_item = self.to_user.to(user.device), self.to_item.to(user.device)
        for _ in range(self.layers):
            # Both sides step at once, each from the other's last layer.
            user, item = to_user @ item, to_item @ user
            users.append(user)
            items.append(item)
        return torch.stack(users).mean(dim=0), torch.stack(items).mean(dim=0)


def _sparse(
    row: Tensor, column: Tensor, share: Tensor, rows: int, columns: int
) -> Tensor:
    """Return a sparse matrix, whose product is several times faster than a scatter."""
    place, size = torch.stack([row, column]), (rows, columns)
    return torch.sparse_coo_tensor(  # pyright: ignore[reportUnknownMemberType]
        place, share, size, check_invariants=True
    ).coalesce()
