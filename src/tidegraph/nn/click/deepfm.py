"""DeepFM: every pair of fields multiplied, beside a tower over the same vectors."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import Tower, check_widths
from tidegraph.nn.inputs import Inputs, InputSpec

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class FactorizationMachine:
    """Settings of a factorisation machine beside a tower.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the tower's layers.
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
    """Fields: item, category, the mean item and category of the history, each number.

    Source:
        Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR
        Prediction", IJCAI 2017, equations 1 to 4; Rendle, "Factorization Machines",
        ICDM 2010, lemma 3.1. Departs: first order is the line that every click model
        stands beside, and an item's own weight.
    """

    def __init__(self, spec: InputSpec, size: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.item = nn.Embedding(spec.items + 1, size)
        self.category = nn.Embedding(spec.categories + 1, size)
        self.number = nn.Parameter(torch.zeros(spec.numbers, size))
        self.first = nn.Embedding(spec.items + 1, 1)
        self.tower = Tower(4 * size + spec.numbers, hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        mask = inputs.real_step[:, :, None].to(inputs.numbers.dtype)
        count = mask.sum(dim=1).clamp(min=1)
        past = [
            (table(inputs.step[..., column]) * mask).sum(dim=1) / count
            for column, table in enumerate((self.item, self.category))
        ]
        item, kind = self.item(inputs.item[..., 0]), self.category(inputs.item[..., 1])
        fields = [item, kind, *(p[:, None].expand_as(item) for p in past)]
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
