"""SVD++: a user is a vector of their own and what their items say of them."""

from dataclasses import dataclass

from jaxtyping import Float, Int

from tidegraph.extras import needed
from tidegraph.nn.conv.identity import Table
from tidegraph.nn.graph_inputs import GraphInputs

with needed("torch", "neural", "a neural network"):
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn


@dataclass(frozen=True)
class SVDPlusPlus:
    """A user is p_u + |N(u)|^-1/2 sum_{j in N(u)} y_j, an item that is scored q_i."""

    def build(self, graph: GraphInputs, size: int) -> "SVDPlusPlusNetwork":
        """Return the tables, with weights yet to be drawn."""
        return SVDPlusPlusNetwork(graph, size)


class SVDPlusPlusNetwork(Table):
    """The tables p and q, and y of the items of a history.

    A user without a row is the mean of the y of their items, whose direction is that of
    their sum.

    Source:
        Koren, "Factorization Meets the Neighborhood", KDD 2008, equation 15.

    Departs:
        No biases: a list is one user's, and what is popular has long vectors.
    """

    def __init__(self, graph: GraphInputs, size: int) -> None:
        super().__init__(graph, size)
        self.users = graph.users
        self.said = nn.Embedding(graph.items, size)
        count = torch.bincount(graph.row, minlength=graph.nodes)[: graph.users]
        # Not buffers: they are no weights, and are made again from the graph.
        self.count = count
        self.first = count.cumsum(0) - count
        self.item = graph.column[: int(count.sum())] - graph.users

    def forward(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the vectors of some nodes as sources: of an item, y."""
        user = nodes < self.users
        out = self.own(nodes)
        out = out.index_copy(
            0, (~user).nonzero()[:, 0], self._history_vectors(nodes[~user])
        )
        place = user.nonzero()[:, 0]
        return out.index_add(0, place, self._history(nodes[place]))

    def context(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the vectors of some nodes as targets: of an item, q."""
        return self.own(nodes)

    def learnt(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "m d"]:
        """Return p, q and y of these nodes."""
        return torch.cat(
            [self.own(nodes), self._history_vectors(nodes[nodes >= self.users])]
        )

    def _history_vectors(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        return self.said(nodes - self.users)

    def _history(self, user: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the sum of y over each history, over the root of its length."""
        device = user.device
        count, first = self.count.to(device)[user], self.first.to(device)[user]
        offset = count.cumsum(0) - count
        step = torch.arange(int(count.sum()), device=device)
        place = (first - offset).repeat_interleave(count) + step
        total = F.embedding_bag(
            self.item.to(device)[place],
            self.said.weight,
            offset,
            mode="sum",
            sparse=self.said.sparse,
        )
        return total / count.clamp(min=1).sqrt()[:, None]
