"""SGC: graph convolutions with nothing in between."""

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.conv.gcn import smoothed
from tidegraph.nn.links import Links

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


class SGConv(nn.Module):
    """One step of the smoothing of a GCN; a linear map follows the last of them.

    ``out_i = sum_j a_ij x_j`` over the neighbours j of i and i itself, a as in
    ``GCNConv``.

    Source:
        Wu et al., "Simplifying Graph Convolutional Networks", ICML 2019, equation 8.
    """

    def forward(
        self,
        source: Float[Tensor, "sources d"],
        target: Float[Tensor, "targets d"],
        links: Links,
    ) -> Float[Tensor, "targets d"]:
        """Return the smoothed vectors of the targets."""
        return smoothed(source, target, links)
