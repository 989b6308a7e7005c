"""What was sampled around the nodes of a batch, as one small graph."""

from typing import NamedTuple

from jaxtyping import Int

from tidegraph.extras import needed
from tidegraph.nn.links import Links

with needed("torch", "neural", "a neural network"):
    from torch import Tensor


class Field(NamedTuple):
    """The states that the layers of an encoder need for a batch.

    A state is a node as of a moment. Those of the batch come first, then what each hop
    reached, so that every layer works on the first few of what the one before made.

    Attributes:
        seat: The state of each node of the batch.
        node: The node of each state.
        links: Which states are whose neighbours.
        sizes: How many states are needed before the first layer, after it, and so on;
            after the last, the different ones of the batch.
    """

    seat: Int[Tensor, " b"]
    node: Int[Tensor, " states"]
    links: Links
    sizes: tuple[int, ...]
