"""MF: the product of a user's vector and an item's."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.vectors import FieldVectors, UserVectors

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class MF:
    """Matrix factorisation with biases.

    Attributes:
        embedding_size: Width of the vector of a field.

    Source:
        Koren, Bell and Volinsky, "Matrix Factorization Techniques for Recommender
        Systems", Computer 2009, equation 4. Departs: user and item are the sums
        of the vectors of their fields; mu is the line over the shared inputs that every
        click model stands beside.
    """

    name: ClassVar[str] = "MF"
    history_numbers: ClassVar[tuple[str, ...]] = ()

    embedding_size: int = 16

    def __post_init__(self) -> None:
        check_widths("MF", **vars(self))

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return MFNetwork(spec, self.embedding_size)


class MFNetwork(nn.Module):
    """Biases of user and item, and the product of their vectors."""

    def __init__(self, spec: InputSpec, size: int) -> None:
        super().__init__()
        self.item = FieldVectors(spec.item, size)
        self.user = UserVectors(spec.user, size)
        self.biases = nn.ModuleList(
            [FieldVectors(spec.item, 1), UserVectors(spec.user, 1)]
        )

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        of_item, of_user = self.biases
        user = self.user.total(inputs.user)[:, None]
        product = (self.item.total(inputs.item) * user).sum(dim=2)
        biases = (
            of_item(inputs.item).sum(dim=2) + of_user(inputs.user).sum(dim=1)[:, None]
        )
        return biases + product
