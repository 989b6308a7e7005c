"""LightGCN: vectors walk along normalised edges, and nothing else is learnt."""

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.links import Links
from tidegraph.nn.sums import summed

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


class LightGCNConv(nn.Module):
    """One step of propagation.

    ``out_i = sum_j a_ij x_j`` over the neighbours j of i, where a_ij is the strength of
    the edge over sqrt(s_i s_j), and s is the strength of all edges of a node.

    Source:
        He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for
        Recommendation", SIGIR 2020, equation 3.
    """

    def forward(
        self,
        source: Float[Tensor, "sources d"],
        target: Float[Tensor, "targets d"],
        links: Links,
    ) -> Float[Tensor, "targets d"]:
        """Return the new vectors of the targets."""
        return summed(links.symmetric, source)
