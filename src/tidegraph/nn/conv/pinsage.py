"""PinSage: the neighbours that walks visit most, each as important as they say."""

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.links import Links
from tidegraph.nn.sums import summed

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn
    from torch.nn import functional


class PinSageConv(nn.Module):
    """One convolution by importance pooling.

    ``out_i = z / |z|`` with ``z = ReLU(W [x_i; n_i] + w)``, where n_i is the mean of
    ``ReLU(Q x_j + q)`` over the neighbours j of i, by the strengths of the edges: the
    shares of the visits of random walks from i.

    Source:
        Ying et al., "Graph Convolutional Neural Networks for Web-Scale Recommender
        Systems", KDD 2018, algorithm 1 with importance pooling.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.message = nn.Linear(inputs, outputs)
        self.both = nn.Linear(inputs + outputs, outputs)

    def forward(
        self,
        source: Float[Tensor, "sources inputs"],
        target: Float[Tensor, "targets inputs"],
        links: Links,
    ) -> Float[Tensor, "targets outputs"]:
        """Return the new vectors of the targets, of length 1 unless they are 0."""
        pooled = summed(links.mean, self.message(source).relu())
        mixed = self.both(torch.cat([target, pooled], dim=1)).relu()
        return functional.normalize(mixed, dim=1)
