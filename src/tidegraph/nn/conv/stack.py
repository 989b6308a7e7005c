"""Layers of an operator over the vectors that nodes begin with."""

from collections.abc import Callable, Sequence

from jaxtyping import Float, Int

from tidegraph.extras import needed
from tidegraph.nn.conv.first_vectors import FirstVectors
from tidegraph.nn.conv.vectors import NodeVectors
from tidegraph.nn.field import Field, distinct_nodes
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.nn.links import Links

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn

Combined = Callable[[Sequence[Tensor]], Tensor]
"""What becomes of the vectors of every layer, the first ones included."""


class Stack(NodeVectors):
    """An encoder of a graph: each layer gives a node what its neighbours have.

    Args:
        graph: The whole graph.
        first: The vectors that nodes begin with.
        layers: The operators, nearest to the first vectors first.
        combined: What becomes of the vectors of all layers.
        between: Activation after every layer but the last.
    """

    def __init__(
        self,
        graph: GraphInputs,
        first: FirstVectors,
        layers: Sequence[nn.Module],
        combined: Combined,
        between: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.first, self.layers = first, nn.ModuleList(layers)
        self.combined, self.between = combined, between
        self.depth = len(layers)
        self.parts = self.depth + 1 if combined is layers_side_by_side else 1
        # No buffers: they are no weights, and are made again from the graph.
        self.links = Links.square(graph.nodes, graph.row, graph.column, graph.weight)

    def forward(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the vectors of some nodes; only they go through the last layer."""
        self.links = self.links.to(nodes.device)
        some, place = distinct_nodes(nodes)
        steps: list[_Step] = [(self.links, None)] * (len(self.layers) - 1)
        steps.append((self.links.of(some), some))
        return self._through_layers(self.first(None), steps)[place]

    def of(self, field: Field) -> Float[Tensor, "b d"]:
        """Return the vectors of nodes from what was sampled around them."""
        steps: list[_Step] = [
            (field.links.first(after, before), slice(after))
            for before, after in zip(field.sizes, field.sizes[1:], strict=False)
        ]
        return self._through_layers(self.first(field.node), steps)[field.seat]

    def alone(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the vectors of nodes that have no edge, from their features alone."""
        x = self.first.alone(nodes)
        count, none = len(nodes), x.new_zeros(0)
        links = Links(
            nodes.new_zeros(count + 1),
            nodes.new_zeros(0).int(),
            none,
            x.new_zeros(count),
        )
        return self._through_layers(x, [(links, None)] * len(self.layers))

    @property
    def table(self) -> nn.Embedding | None:
        """The vectors that are nodes' own, if they have any."""
        return self.first.own

    def learnt(
        self, sources: Int[Tensor, " b"], others: Int[Tensor, " n"]
    ) -> Float[Tensor, "m d"]:
        """Return the first vectors of a batch's nodes."""
        return self.first(torch.cat([sources, others]))

    def _through_layers(self, x: Tensor, steps: "Sequence[_Step]") -> Tensor:
        seen = [x]
        for depth, (layer, (links, place)) in enumerate(
            zip(self.layers, steps, strict=True), start=1
        ):
            if place is not None:
                seen = [vectors[place] for vectors in seen]
            x = layer(x, seen[-1], links)
            if self.between is not None and depth < len(self.layers):
                x = self.between(x)
            seen.append(x)
        return self.combined(seen)


_Step = tuple[Links, Tensor | slice | None]


def last_layer(seen: Sequence[Tensor]) -> Tensor:
    """Keep the last layer."""
    return seen[-1]


def mean_of_layers(seen: Sequence[Tensor]) -> Tensor:
    """Take the mean of all layers."""
    return torch.stack(list(seen)).mean(dim=0)


def layers_side_by_side(seen: Sequence[Tensor]) -> Tensor:
    """Put all layers one after the other."""
    return torch.cat(list(seen), dim=1)
