"""LightGCN: vectors walk along normalised edges, and nothing else is learnt."""

from dataclasses import dataclass

from jaxtyping import Float

from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.nn.conv.identity import Tables
from tidegraph.nn.graph_inputs import Bipartite

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class LightPropagation:
    """The mean of a node's vectors after 0 to ``layers`` steps over all edges.

    Attributes:
        layers: How far the receptive field reaches.
    """

    layers: int = 3

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ConfigError(f"LightGCN has layers={self.layers}; at least 1.")

    def build(self, graph: Bipartite, size: int) -> Tables:
        """Return the network, with weights yet to be drawn."""
        return LightNetwork(graph, size, self.layers)


class LightNetwork(Tables):
    """Propagation over the symmetrically normalised adjacency matrix.

    Source:
        He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for
        Recommendation", SIGIR 2020, equations 3, 4 and 8 with equal weights.
    """

    share: Tensor

    def __init__(self, graph: Bipartite, size: int, layers: int) -> None:
        super().__init__(graph, size)
        self.graph, self.layers = graph, layers
        degree = [
            torch.bincount(side, minlength=count).clamp(min=1).float()
            for side, count in ((graph.user, graph.users), (graph.item, graph.items))
        ]
        product = degree[0][graph.user] * degree[1][graph.item]
        self.register_buffer("share", product.rsqrt()[:, None], persistent=False)

    def forward(self) -> tuple[Float[Tensor, "users d"], Float[Tensor, "items d"]]:
        """Return the vectors of users and of items."""
        user, item = super().forward()
        users, items = [user], [item]
        device = user.device
        left, right = self.graph.user.to(device), self.graph.item.to(device)
        for _ in range(self.layers):
            # Both sides step at once, each from the other's last layer.
            to_user = self.share * item[right]
            to_item = self.share * user[left]
            user = torch.zeros_like(user).index_add(0, left, to_user)
            item = torch.zeros_like(item).index_add(0, right, to_item)
            users.append(user)
            items.append(item)
        return torch.stack(users).mean(dim=0), torch.stack(items).mean(dim=0)
