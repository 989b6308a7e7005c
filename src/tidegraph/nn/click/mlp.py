"""MLP: layers over the shared inputs and nothing else, the control of every network."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import Tower, check_widths
from tidegraph.nn.inputs import Inputs, InputSpec

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


@settings
class MLP:
    """Layers over the shared inputs: no ids, no history.

    Attributes:
        hidden: Widths of the layers.
    """

    name: ClassVar[str] = "MLP"
    history_numbers: ClassVar[tuple[str, ...]] = ()

    hidden: tuple[int, ...] = (64, 32)

    def __post_init__(self) -> None:
        check_widths("MLP", hidden=self.hidden)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return MLPNetwork(spec, self.hidden)


class MLPNetwork(nn.Module):
    """A tower of the numbers of each candidate."""

    def __init__(self, spec: InputSpec, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.tower = Tower(spec.numbers, hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        return self.tower(inputs.numbers, inputs.present)
