"""SVD++: a user is a vector of their own and what their items say of them."""

from jaxtyping import Float, Int

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.conv.identity import Table
from tidegraph.nn.field import distinct_nodes
from tidegraph.nn.graph_inputs import GraphInputs

with needed("torch", "neural", "a neural network"):
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn


@settings
class SVDPlusPlus:
    """A user is p_u + |N(u)|^-1/2 sum_{j in N(u)} y_j, an item that is scored q_i."""

    def of_graph(self, graph: GraphInputs, size: int) -> "SVDPlusPlusNetwork":
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

    two_sided = True

    def __init__(self, graph: GraphInputs, size: int) -> None:
        super().__init__(graph, size)
        graph.check_two_sided("SVDPlusPlus")
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

    def learnt(
        self, sources: Int[Tensor, " b"], others: Int[Tensor, " n"]
    ) -> Float[Tensor, "m d"]:
        """Return what a batch learns of its nodes alone, which a penalty keeps small.

        That is p of users, y of what they are made of, and q: of a y that comes n times
        the root of n times it, whose square is n times its own.

        Args:
            sources: The source of each pair: a user, or an item as one of a history.
            others: Its targets and negatives.
        """
        user = sources[sources < self.users]
        item = torch.cat(
            [sources[sources >= self.users] - self.users, self._items_of(user)[0]]
        )
        item, place = distinct_nodes(item)
        times = torch.bincount(place)
        said = self.said(item) * times.to(self.said.weight.dtype).sqrt()[:, None]
        return torch.cat([self.own(user), said, self.own(others)])

    def _history_vectors(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        return self.said(nodes - self.users)

    def _history(self, user: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the sum of y over each history, over the root of its length."""
        item, count = self._items_of(user)
        total = F.embedding_bag(
            item,
            self.said.weight,
            count.cumsum(0) - count,
            mode="sum",
            sparse=self.said.sparse,
        )
        return total / count.clamp(min=1).sqrt()[:, None]

    def _items_of(
        self, user: Int[Tensor, " n"]
    ) -> tuple[Int[Tensor, " events"], Int[Tensor, " n"]]:
        """Return the items of histories one after the other, and the length of each."""
        device = user.device
        count, first = self.count.to(device)[user], self.first.to(device)[user]
        step = torch.arange(int(count.sum()), device=device)
        offset = count.cumsum(0) - count
        place = (first - offset).repeat_interleave(count) + step
        return self.item.to(device)[place], count
