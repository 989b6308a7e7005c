"""The graph of a history: its items, and which of them followed which."""

from typing import NamedTuple

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.inputs import Inputs
from tidegraph.nn.sequence.history import real_events

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


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
    def of(cls, inputs: Inputs) -> "SessionGraph":
        """Return the graph of each history of a batch."""
        there, item = real_events(inputs), inputs.step[..., 0]
        known = (item[:, :, None] == item[:, None]) & (item[:, :, None] > 0)
        same = known | torch.eye(item.shape[1], dtype=torch.bool, device=item.device)
        same = same * there[:, :, None] * there[:, None]
        # The latest stands first: what came before a place stands behind it.
        nothing = torch.zeros_like(same[:, :, :1])
        behind = torch.cat([nothing, same[:, :, :-1]], dim=2) * there[:, None]
        ahead = torch.cat([same[:, :, 1:], nothing], dim=2)
        return cls(_normalized_rows(behind), _normalized_rows(ahead))

    def earlier(self, x: Float[Tensor, "b h width"]) -> Float[Tensor, "b h width"]:
        """Return the mean of what stood before the item of each place; 0 of none."""
        return self.before @ x

    def later(self, x: Float[Tensor, "b h width"]) -> Float[Tensor, "b h width"]:
        """Return the mean of what stood after the item of each place; 0 of none."""
        return self.after @ x


def _normalized_rows(edges: Float[Tensor, "b h h"]) -> Float[Tensor, "b h h"]:
    return edges / edges.sum(dim=2, keepdim=True).clamp(min=1)
