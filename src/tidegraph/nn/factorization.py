"""The fields of a candidate and its request, whose vectors are multiplied."""

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.vectors import FieldVectors, UserVectors

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class RequestFields(nn.Module):
    """A vector for each field of item and user, and the mean over the history of each.

    The history's items share their tables with the candidate.

    Args:
        spec: Widths of the inputs.
        size: Width of a vector.
    """

    def __init__(self, spec: InputSpec, size: int) -> None:
        super().__init__()
        self.item = FieldVectors(spec.item, size)
        self.user = UserVectors(spec.user, size)
        self.count = 2 * len(spec.item) + len(spec.user)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k count size"]:
        """Return the vectors: of the item, of the history, of the user."""
        mask = inputs.real_step[:, :, None].to(inputs.numbers.dtype)
        count = mask.sum(dim=1).clamp(min=1)
        past = [(one * mask).sum(dim=1) / count for one in self.item.each(inputs.step)]
        item, user = self.item.each(inputs.item), self.user.each(inputs.user)
        every = [*item, *(one[:, None].expand_as(item[0]) for one in past + user)]
        return torch.stack(every, dim=2)


class FactorizationMachine(nn.Module):
    """A weight for each field, and the product of each pair of their vectors.

    Each number is a field too, whose vector it multiplies; its weight is in the line
    that stands beside every click model.

    Source:
        Rendle, "Factorization Machines", ICDM 2010, equation 1 and lemma 3.1.
    """

    def __init__(self, spec: InputSpec, size: int) -> None:
        super().__init__()
        self.number = nn.Embedding(spec.numbers, size)
        self.weight = RequestFields(spec, 1)

    def forward(
        self, fields: Float[Tensor, "b k count size"], inputs: Inputs
    ) -> Float[Tensor, "b k"]:
        """Return the sum of all weights and products of a candidate."""
        number = self.number.weight
        total = fields.sum(dim=2) + inputs.numbers @ number
        squares = fields.square().sum(dim=2)
        squares = squares + inputs.numbers.square() @ number.square()
        return self.weight(inputs).sum(dim=(2, 3)) + sum_of_pair_products(
            total, squares
        )


def sum_of_pair_products(
    total: Float[Tensor, "*shape size"], squares: Float[Tensor, "*shape size"]
) -> Float[Tensor, "*shape"]:
    """Return the sum of products of all pairs, from the sum and the sum of squares."""
    return (total.square() - squares).sum(dim=-1) / 2
