"""Layers over a node's neighbourhood in time, hop by hop."""

from collections.abc import Callable, Sequence

from jaxtyping import Float

from tidegraph.extras import needed
from tidegraph.nn.around import States

with needed("torch", "neural", "a neural network"):
    from torch import Tensor

Layer = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""Takes its number from 0, vectors of nodes (n, width), those of their neighbours
(n, l, width) and where there is one (n, l); returns the nodes' next vectors."""


def propagate(
    states: States, own: Sequence[Float[Tensor, "_ width"]], layer: Layer
) -> list[Float[Tensor, "roots _"]]:
    """Return what the roots are at each layer, their own vectors first.

    A neighbour is what it was at its event, so that a state is the same whoever is
    beside it.

    Args:
        states: The neighbourhoods.
        own: Vectors of the nodes of each depth.
        layer: What makes the next vectors of nodes of theirs and their neighbours'.
    """
    x, roots = list(own), [own[0]]
    for number in range(len(own) - 1):
        x = [
            layer(number, x[n], states.below(n, x[n + 1]), states.real(n))
            for n in range(len(x) - 1)
        ]
        roots.append(x[0])
    return roots


def mean_of_neighbors(
    neighbours: Float[Tensor, "n l width"], real: Tensor
) -> Float[Tensor, "n width"]:
    """Return the mean of a node's neighbours; 0 of none."""
    count = real.sum(dim=1, keepdim=True).clamp(min=1)
    return neighbours.sum(dim=1) / count
