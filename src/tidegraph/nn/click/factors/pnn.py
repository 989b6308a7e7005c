"""PNN: products of fields as inputs of a tower."""

from typing import ClassVar, Literal

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import Tower, check_widths
from tidegraph.nn.factorization import RequestFields
from tidegraph.nn.inputs import Inputs, InputSpec

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

Product = Literal["inner", "outer", "both"]


@settings
class PNN:
    """Product-based neural network.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the tower's layers.
        product: ``inner`` is IPNN: the number of each pair of fields; ``outer`` is
            OPNN: the matrix of the sum of all fields; ``both`` is PNN*.

    Source:
        Qu et al., "Product-based Neural Networks for User Response Prediction", ICDM
        2016, section 3. Departs: the weights of inner products are any, where the paper
        makes them of rank 1 to save time; the shared inputs enter the first layer, and
        Dice is what bends.
    """

    name: ClassVar[str] = "PNN"
    history_numbers: ClassVar[tuple[str, ...]] = ()

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)
    product: Product = "inner"

    def __post_init__(self) -> None:
        check_widths("PNN", self.embedding_size, self.hidden)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return PNNNetwork(spec, self)


class PNNNetwork(nn.Module):
    """A tower whose first layer takes the vectors of fields and their products."""

    def __init__(self, spec: InputSpec, config: PNN) -> None:
        super().__init__()
        size, self.product = config.embedding_size, config.product
        self.fields = RequestFields(spec, size)
        count = self.fields.count
        width = count * size + spec.numbers
        width += (count * (count + 1) // 2) * (self.product != "outer")
        width += size**2 * (self.product != "inner")
        self.tower = Tower(width, config.hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        fields = self.fields(inputs)
        parts = [fields.flatten(start_dim=2), inputs.numbers]
        if self.product != "outer":
            one, other = torch.triu_indices(fields.shape[2], fields.shape[2])
            parts.append((fields[:, :, one] * fields[:, :, other]).sum(dim=3))
        if self.product != "inner":
            total = fields.sum(dim=2)
            parts.append((total[..., None] * total[..., None, :]).flatten(start_dim=2))
        return self.tower(torch.cat(parts, dim=2), inputs.present)
