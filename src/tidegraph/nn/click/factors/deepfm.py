"""DeepFM: every pair of fields multiplied, beside a tower over the same vectors."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import Tower, check_widths
from tidegraph.nn.factorization import FactorizationMachine, RequestFields
from tidegraph.nn.inputs import Inputs, InputSpec

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
        Prediction", IJCAI 2017, equations 1 to 4. Departs: the history's items share
        the vectors of candidates, and are one field, their mean; numbers enter the
        tower as they are, not by their vectors; their first order is the line that
        every click model stands beside.
    """

    name: ClassVar[str] = "DeepFM"
    history_numbers: ClassVar[tuple[str, ...]] = ()

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)

    def __post_init__(self) -> None:
        check_widths("DeepFM", **vars(self))

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return DeepFMNetwork(spec, self.embedding_size, self.hidden)


class DeepFMNetwork(nn.Module):
    """Fields: those of user and item, their means over the history, each number."""

    def __init__(self, spec: InputSpec, size: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.fields = RequestFields(spec, size)
        self.machine = FactorizationMachine(spec, size)
        self.tower = Tower(self.fields.count * size + spec.numbers, hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        fields = self.fields(inputs)
        flat = torch.cat([fields.flatten(start_dim=2), inputs.numbers], dim=2)
        return self.machine(fields, inputs) + self.tower(flat, inputs.present)
