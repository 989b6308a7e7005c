"""Which users of an item came after which, as an acyclic graph."""

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.around import States

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor


def precedence_matrix(states: States) -> Float[Tensor, "n l l"]:
    """Return 1 where the second of two users of an item precedes the first.

    One that stands before precedes if both had lately chosen an item in common, each
    before choosing this one; and so does whoever stands right before. An item whose id
    is not known is none in common.

    Args:
        states: Of items, of those who chose them, and of what those chose before.
    """
    row = states.node[2][:, 0]
    chosen = torch.cat([row, row.new_zeros(1)])[states.child[1]]
    # Place -1 is the last one: of no user, nothing.
    chosen = torch.cat([chosen, chosen.new_zeros(1, chosen.shape[1])])[states.child[0]]
    one, other = chosen[:, :, None, :, None], chosen[:, None, :, None, :]
    common = ((one == other) & (one > 0)).any(dim=4).any(dim=3)
    order = torch.ones_like(common[0])
    before = common & order.tril(-1) | order.tril(-1) & order.triu(-1)
    there = states.real(0)
    both = before & there[:, :, None] & there[:, None]
    return both.to(states.age[0].dtype)
