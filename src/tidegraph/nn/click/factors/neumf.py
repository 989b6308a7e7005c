"""NeuMF: a product of vectors beside a tower over others."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import Tower, check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.vectors import FieldVectors, UserVectors

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class NeuMF:
    """Neural matrix factorisation.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the tower's layers.

    Source:
        He et al., "Neural Collaborative Filtering", WWW 2017, equation 12. Departs:
        user and item of the product are the sums of the vectors of their fields; the
        shared inputs enter the tower, whose layers have Dice; both halves are drawn and
        trained at once, without pre-training.
    """

    name: ClassVar[str] = "NeuMF"
    history_numbers: ClassVar[tuple[str, ...]] = ()

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)

    def __post_init__(self) -> None:
        check_widths("NeuMF", **vars(self))

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return NeuMFNetwork(spec, self.embedding_size, self.hidden)


class NeuMFNetwork(nn.Module):
    """A weighed product of user and item, and a tower over others of theirs."""

    def __init__(self, spec: InputSpec, size: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.item = FieldVectors(spec.item, size)
        self.user = UserVectors(spec.user, size)
        self.of_item = FieldVectors(spec.item, size)
        self.of_user = UserVectors(spec.user, size)
        self.weigh = nn.Linear(size, 1, bias=False)
        width = self.item.width + self.user.width + spec.numbers
        self.tower = Tower(width, hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        user = self.of_user.total(inputs.user)[:, None]
        product = self.of_item.total(inputs.item) * user
        item, user = self.item(inputs.item), self.user(inputs.user)[:, None]
        both = [item, user.expand(-1, item.shape[1], -1), inputs.numbers]
        deep = self.tower(torch.cat(both, dim=2), inputs.present)
        return self.weigh(product)[:, :, 0] + deep
