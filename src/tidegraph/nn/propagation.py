"""Layers over a node's neighbourhood in time, hop by hop.

A neighbour is what it was at its event, so that its state at a layer depends on that
event and on its side alone, whoever is beside it.
"""

from typing import Literal, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int

from tidegraph.extras import needed
from tidegraph.nn.around import States

with needed("torch", "neural", "a neural network"):
    from torch import Tensor

Side = Literal["user", "item"]
OTHER: dict[Side, Side] = {"user": "item", "item": "user"}


class Level(NamedTuple):
    """Some states as they are at a layer, and all that their next layer is made of.

    Attributes:
        side: What they are states of.
        x: What they are.
        parent: Own vectors of the nodes that led to them; of roots, what they are.
        near: What their neighbours are; 0 where there is none.
        event: What was known just before the event of each neighbour.
        age: Days since it.
        real: Where there is a neighbour.
    """

    side: Side
    x: Float[Tensor, "n width"]
    parent: Float[Tensor, "n width"]
    near: Float[Tensor, "n h width"]
    event: Float[Tensor, "n h m"]
    age: Float[Tensor, "n h"]
    real: Bool[Tensor, "n h"]

    @classmethod
    def of(
        cls,
        side: Side,
        states: States,
        depth: int,
        x: Float[Tensor, "n width"],
        parent: Float[Tensor, "n width"],
        below: Float[Tensor, "_ width"],
    ) -> "Level":
        """Return the states of a depth.

        Args:
            side: What they are states of.
            states: All depths.
            depth: Of the states.
            x: What they are.
            parent: What led to them.
            below: What the states of the depth below are.
        """
        near, event = (
            states.below(depth, part) for part in (below, states.event[depth + 1])
        )
        return cls(side, x, parent, near, event, states.age[depth], states.real(depth))


@runtime_checkable
class Layered(Protocol):
    """A network that makes states of theirs and their neighbours', layer by layer.

    One that answers by them, got by ``neighbors_by_layer``, is asked for each state of
    a log once a layer where many requests are answered.

    Attributes:
        width: Of a state.
    """

    width: int

    def own(self, side: Side, rows: Int[Tensor, "n f"]) -> Float[Tensor, "n width"]:
        """Return what nodes are at layer 0, from the table rows of their fields."""
        ...

    def next_layer(self, number: int, level: Level) -> Float[Tensor, "n width"]:
        """Return what states are at the layer after ``number``, counted from 0."""
        ...


def neighbors_by_layer(
    network: Layered, side: Side, states: States
) -> list[Float[Tensor, "_ width"]]:
    """Return what the neighbours of roots are, from layer 0 to one below the roots'.

    Args:
        network: Makes layers.
        side: What the roots are.
        states: What is around them; layers that are known already are not made again.
    """
    depth = len(states.node) - 1
    sides: list[Side] = [side if n % 2 == 0 else OTHER[side] for n in range(depth + 1)]
    own = [network.own(*one) for one in zip(sides, states.node, strict=True)]
    x, found = own[1:], [*own[1:2], *states.layers]
    # Layer k of each depth is there; the deepest has no neighbours.
    for number in range(depth - 1):
        x = [
            network.next_layer(
                number,
                Level.of(
                    sides[n], states, n, x[n - 1], own[n - 1][states.parent[n]], x[n]
                ),
            )
            for n in range(1, depth - number)
        ]
        found.append(x[0])
    return found


def propagate(
    network: Layered, side: Side, states: States
) -> list[Float[Tensor, "roots width"]]:
    """Return what the roots are at each layer, their own vectors first.

    Args:
        network: Makes layers.
        side: What the roots are.
        states: What is around them.
    """
    roots = [network.own(side, states.node[0])]
    for number, below in enumerate(neighbors_by_layer(network, side, states)):
        x = roots[-1]
        level = Level.of(side, states, 0, x, x, below)
        roots.append(network.next_layer(number, level))
    return roots


def mean_of_neighbors(level: Level) -> Float[Tensor, "n width"]:
    """Return the mean of the neighbours of each state; 0 of none."""
    count = level.real.sum(dim=1, keepdim=True).clamp(min=1)
    return level.near.sum(dim=1) / count
