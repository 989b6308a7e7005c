"""A click network in two: the trunk, which stays, and the tower, which is patched."""

import copy
from typing import NamedTuple

from jaxtyping import Bool, Float

from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.nn.around import Around
from tidegraph.nn.click.tasks import FurtherTasks
from tidegraph.nn.dense import Tower, only_tower, record, recording
from tidegraph.nn.inputs import Inputs

with needed("torch", "neural", "a neural network"):
    from torch import Tensor, nn


class Parts(NamedTuple):
    """A network in two, of which ``offset + tower(x)`` is the logit.

    Attributes:
        trunk: Returns x and offset of what the network gets; shares its weights.
        tower: The network's own tower.
    """

    trunk: "Trunk"
    tower: Tower


class Trunk(nn.Module):
    """All of a network but its tower.

    Args:
        network: The network, with a ``Tap`` where its tower stood.
        width: Width of what entered the tower.
    """

    def __init__(self, network: nn.Module, width: int) -> None:
        super().__init__()
        self.network, self.width = network, width

    def forward(
        self, inputs: Inputs, around: Around | None = None
    ) -> tuple[Float[Tensor, "b k width"], Float[Tensor, "b k"]]:
        """Return what would enter the tower, and what the rest adds to the logit."""
        given = (inputs,) if around is None else (inputs, around)
        with recording() as entered:
            offset = self.network(*given)
        (x,) = entered
        return x, offset


class Tap(nn.Module):
    """Stands where a tower stood, tells what entered, and adds nothing."""

    def forward(
        self, x: Float[Tensor, "b k width"], present: Bool[Tensor, "b k"]
    ) -> Float[Tensor, "b k"]:
        """Return 0 for each candidate."""
        record(x)
        return x.new_zeros(x.shape[:2])


def split(network: nn.Module) -> Parts:
    """Return the trunk and the tower of a click network, in evaluation mode.

    Both share the network's weights; nothing is copied but the structure.

    Args:
        network: A click model's, beside the line over the shared inputs.

    Raises:
        ConfigError: It has no tower, or several, or tells several tasks.
    """
    if any(isinstance(part, FurtherTasks) for part in network.modules()):
        raise ConfigError(
            "the model tells several tasks, each by a last layer of its own, and a "
            "patch is about one. Leave tasks out."
        )
    tower = only_tower(network, "a patch stands in")
    # What stands in the memo of a copy is not copied.
    same = {id(part): part for part in (*network.parameters(), *network.buffers())}
    rest = copy.deepcopy(network, {**same, id(tower): Tap()})
    tower.eval()
    return Parts(Trunk(rest, tower.width).eval(), tower)
