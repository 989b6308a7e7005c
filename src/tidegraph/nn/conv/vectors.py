"""Vectors of nodes: what an encoder makes, and all that is asked of them."""

from typing import NoReturn

from jaxtyping import Float, Int

from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.nn.conv.start import Start
from tidegraph.nn.field import Field

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class NodeVectors(nn.Module):
    """A module from nodes to their vectors; one of your own needs ``forward`` alone.

    Attributes:
        depth: How many layers a plan may sample for, which ``of`` then takes; 0 if it
            takes none.
        start: What nodes' own vectors, its ``table``, are before training, if anything.
        two_sided: Are targets found by other vectors than sources, their ``context``?
        context_trains_only: Are they so in training alone, and items then found by
            their vectors as sources, which unseen ones have too?
        sources_apart: Is a source moved by no pair but those that begin at it?
        parts: Of how many vectors of the size that is asked for one is made, side by
            side, as of those of all layers.
    """

    depth: int = 0
    start: Start | None = None
    two_sided: bool = False
    context_trains_only: bool = False
    sources_apart: bool = False
    parts: int = 1

    @property
    def table(self) -> nn.Embedding | None:
        """The vectors that are nodes' own, if they have any."""
        return None

    def context(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the vectors of some nodes as targets."""
        return self(nodes)

    def learnt(
        self, sources: Int[Tensor, " b"], others: Int[Tensor, " n"]
    ) -> Float[Tensor, "m d"]:
        """Return what a batch learns of its nodes alone, which a penalty keeps small.

        Args:
            sources: The source of each pair.
            others: Its targets and negatives, which are the last of what is returned,
                in their order.
        """
        return self(torch.cat([sources, others]))

    def of(self, field: Field) -> Float[Tensor, "b d"]:
        """Return the vectors of nodes from what was sampled around them."""
        self._refuse("sampled")

    def alone(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the vectors of nodes that have no edge, from their features alone.

        A node of which no feature is known has nan.
        """
        self._refuse("their features'")

    def _refuse(self, whose: str) -> NoReturn:
        raise ConfigError(f"{type(self).__name__} has no vectors of {whose}.")
