"""SVD++: matrix factorisation whose user is also what the user chose before."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.click.factors.mf import MFNetwork
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.sequence.history import real_events
from tidegraph.nn.vectors import FieldVectors

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class SVDpp:
    """Matrix factorisation with the history as implicit feedback.

    Attributes:
        embedding_size: Width of the vector of a field.

    Source:
        Koren, "Factorization Meets the Neighborhood: a Multifaceted Collaborative
        Filtering Model", KDD 2008, equation 15. Departs: N(u) are the latest events,
        an item as often as it was chosen; otherwise as ``MF`` does.
    """

    name: ClassVar[str] = "SVD++"
    history_numbers: ClassVar[tuple[str, ...]] = ()

    embedding_size: int = 16

    def __post_init__(self) -> None:
        check_widths("SVDpp", **vars(self))

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return SVDppNetwork(spec, self.embedding_size)


class SVDppNetwork(nn.Module):
    """That of ``MF``, with q_i |N(u)|^-1/2 sum y_j of the events j of u."""

    def __init__(self, spec: InputSpec, size: int) -> None:
        super().__init__()
        self.factors = MFNetwork(spec, size)
        self.chosen = FieldVectors(spec.item, size)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        there = real_events(inputs)
        chosen = (self.chosen.total(inputs.step) * there[:, :, None]).sum(dim=1)
        chosen = chosen * there.sum(dim=1, keepdim=True).clamp(min=1).rsqrt()
        item = self.factors.item.total(inputs.item)
        return self.factors(inputs) + (item * chosen[:, None]).sum(dim=2)
