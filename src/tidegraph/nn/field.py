"""The nodes of a batch, each once, and what was sampled around them."""

from typing import Any, NamedTuple, cast

from jaxtyping import Int

from tidegraph.extras import needed
from tidegraph.nn.links import Links

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor

_unique = cast(Any, torch).unique


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


def distinct_nodes(
    nodes: Int[Tensor, " n"],
) -> tuple[Int[Tensor, " m"], Int[Tensor, " n"]]:
    """Return each node once, in increasing order, and the place of every one there."""
    return cast(tuple[Tensor, Tensor], _unique(nodes, return_inverse=True))
