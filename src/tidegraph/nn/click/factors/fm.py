"""FM: every pair of fields multiplied."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import check_widths
from tidegraph.nn.factorization import FactorizationMachine, RequestFields
from tidegraph.nn.inputs import Inputs, InputSpec

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class FM:
    """A factorisation machine.

    Attributes:
        embedding_size: Width of the vector of a field.

    Source:
        Rendle, "Factorization Machines", ICDM 2010, equation 1. Departs: the history's
        items share the vectors of candidates, and are one field, their mean, which is
        not multiplied with itself; the weights of numbers are the line that every click
        model stands beside.
    """

    name: ClassVar[str] = "FM"
    history_numbers: ClassVar[tuple[str, ...]] = ()

    embedding_size: int = 16

    def __post_init__(self) -> None:
        check_widths("FM", **vars(self))

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return FMNetwork(spec, self.embedding_size)


class FMNetwork(nn.Module):
    """Fields: those of user and item, their means over the history, each number."""

    def __init__(self, spec: InputSpec, size: int) -> None:
        super().__init__()
        self.fields = RequestFields(spec, size)
        self.machine = FactorizationMachine(spec, size)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        return self.machine(self.fields(inputs), inputs)
