"""The graph of a history: its items, and which of them followed which."""

from typing import NamedTuple

from jaxtyping import Float, Int

from tidegraph.extras import needed
from tidegraph.nn.recurrent import GRU

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class SessionGraph(NamedTuple):
    """Means over what stood before and after an item, wherever it stands.

    A node stands at each place of its item and has the same vector at all of them, so
    that shapes do not depend on how many different items there are. An item whose id is
    not known is like no other.

    Attributes:
        before: Share of each place, the latest first, in what came before an item.
        after: Share in what came after it.

    Source:
        Wu et al., "Session-based Recommendation with Graph Neural Networks", AAAI 2019,
        section 3.2: the occurrences of an edge over the edges of its node.
    """

    before: Float[Tensor, "b h h"]
    after: Float[Tensor, "b h h"]

    @classmethod
    def of(
        cls, item: Int[Tensor, "b h"], there: Float[Tensor, "b h"]
    ) -> "SessionGraph":
        """Return the graph of each history of a batch.

        Args:
            item: Of each event, the latest first; 0 for one that is not known.
            there: 1 where there is an event, and 0 elsewhere.
        """
        known = (item[:, :, None] == item[:, None]) & (item[:, :, None] > 0)
        same = known | torch.eye(item.shape[1], dtype=torch.bool, device=item.device)
        same = same * there[:, :, None] * there[:, None]
        # The latest stands first: what came before a place stands behind it.
        nothing = torch.zeros_like(same[:, :, :1])
        behind = torch.cat([nothing, same[:, :, :-1]], dim=2) * there[:, None]
        ahead = torch.cat([same[:, :, 1:], nothing], dim=2) * there[:, None]
        return cls(_normalized_rows(behind), _normalized_rows(ahead))

    def earlier(self, x: Float[Tensor, "b h width"]) -> Float[Tensor, "b h width"]:
        """Return the mean of what stood before the item of each place; 0 of none."""
        return self.before @ x

    def later(self, x: Float[Tensor, "b h width"]) -> Float[Tensor, "b h width"]:
        """Return the mean of what stood after the item of each place; 0 of none."""
        return self.after @ x


class GatedGraph(nn.Module):
    """Items that hear from those before and after them, some steps long.

    Args:
        width: Of the vector of an item.
        steps: How often they hear.

    Source:
        Wu et al., "Session-based Recommendation with Graph Neural Networks", AAAI 2019,
        equations 1 to 5, gates as its authors' code has them.
    """

    def __init__(self, width: int, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.earlier = nn.Linear(width, width, bias=False)
        self.later = nn.Linear(width, width, bias=False)
        self.units = GRU(2 * width, width)

    def forward(
        self, graph: SessionGraph, x: Float[Tensor, "b h width"]
    ) -> Float[Tensor, "b h width"]:
        """Return the vector of the item of each place after all steps."""
        for _ in range(self.steps):
            heard = graph.earlier(self.earlier(x)), graph.later(self.later(x))
            x = self.units.step(self.units.input(torch.cat(heard, dim=2)), x)
        return x


def _normalized_rows(edges: Float[Tensor, "b h h"]) -> Float[Tensor, "b h h"]:
    return edges / edges.sum(dim=2, keepdim=True).clamp(min=1)
