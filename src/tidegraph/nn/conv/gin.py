"""GIN: a network over sums, which tells apart what other operators mix up."""

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.links import Links
from tidegraph.nn.sums import summed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class GINConv(nn.Module):
    """One isomorphism layer.

    ``out_i = MLP((1 + eps) x_i + sum_j w_ij x_j)`` over the neighbours j of i, with the
    strength w of the edge and an eps that is learnt. The network has one hidden layer.

    Source:
        Xu et al., "How Powerful are Graph Neural Networks?", ICLR 2019, equation 4.1.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.eps = nn.Parameter(torch.zeros(()))
        self.mlp = nn.Sequential(
            nn.Linear(inputs, outputs), nn.ReLU(), nn.Linear(outputs, outputs)
        )

    def forward(
        self,
        source: Float[Tensor, "sources inputs"],
        target: Float[Tensor, "targets inputs"],
        links: Links,
    ) -> Float[Tensor, "targets outputs"]:
        """Return the new vectors of the targets."""
        return self.mlp((1 + self.eps) * target + summed(links, source))
