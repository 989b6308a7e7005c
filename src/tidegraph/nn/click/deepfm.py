"""DeepFM: every pair of fields multiplied, beside a tower over the same vectors."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import Tower, check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.vectors import FieldVectors

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class DeepFM:
    """A factorisation machine beside a tower over the same vectors.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the tower's layers.

    Source:
        Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR
        Prediction", IJCAI 2017.
    """

    name: ClassVar[str] = "DeepFM"

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)

    def __post_init__(self) -> None:
        check_widths("DeepFM", self.embedding_size, self.hidden)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return DeepFMNetwork(spec, self.embedding_size, self.hidden)


class DeepFMNetwork(nn.Module):
    """Fields: those of user and item, their means over the history, each number.

    Source:
        Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR
        Prediction", IJCAI 2017, equations 1 to 4; Rendle, "Factorization Machines",
        ICDM 2010, lemma 3.1. Departs: first order is the line that every click model
        stands beside, and an item's own weight.
    """

    def __init__(self, spec: InputSpec, size: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.item = FieldVectors(spec.item, size)
        self.user = FieldVectors(spec.user, size)
        self.number = nn.Parameter(torch.zeros(spec.numbers, size))
        self.first = nn.Embedding(spec.item[0] + 1, 1)
        width = 2 * self.item.width + self.user.width
        self.tower = Tower(width + spec.numbers, hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        mask = inputs.real_step[:, :, None].to(inputs.numbers.dtype)
        count = mask.sum(dim=1).clamp(min=1)
        past = [(one * mask).sum(dim=1) / count for one in self.item.each(inputs.step)]
        item, about_user = self.item.each(inputs.item), self.user.each(inputs.user)
        fields = [*item, *(p[:, None].expand_as(item[0]) for p in past + about_user)]
        deep = self.tower(torch.cat([*fields, inputs.numbers], dim=2), inputs.present)
        every = torch.stack(fields, dim=2)
        total = every.sum(dim=2) + inputs.numbers @ self.number
        squares = every.square().sum(dim=2)
        squares = squares + inputs.numbers.square() @ self.number.square()
        return deep + self.first(inputs.item[..., 0])[:, :, 0] + pairs(total, squares)


def pairs(
    total: Float[Tensor, "*shape size"], squares: Float[Tensor, "*shape size"]
) -> Float[Tensor, "*shape"]:
    """Return the sum of products of all pairs, from the sum and the sum of squares."""
    return (total.square() - squares).sum(dim=-1) / 2
