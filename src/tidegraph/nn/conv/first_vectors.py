"""The vectors that nodes begin with: their own, and what their features say."""

from jaxtyping import Float, Int

from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.nn.graph_inputs import GraphInputs, NodeFeatures

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class FirstVectors(nn.Module):
    """A vector of each node's own, one of each of its categories, and its numbers.

    The vector of a node is the sum of those. Without vectors of their own, nodes that
    training never saw have one too.

    Args:
        graph: The nodes.
        size: Numbers in a vector.
        ids: Does each node have a vector of its own?

    Raises:
        ConfigError: There are neither vectors of nodes nor features.
    """

    def __init__(self, graph: GraphInputs, size: int, *, ids: bool = True) -> None:
        super().__init__()
        if not ids and graph.features is None:
            raise ConfigError(
                "nodes without a vector of their own need features. Name some columns "
                "of the items, features=(...), or say ids=True."
            )
        self.own = nn.Embedding(graph.nodes, size) if ids else None
        self.features, self.nodes = graph.features, graph.nodes
        sizes = () if graph.features is None else graph.features.sizes
        numbers = 0 if graph.features is None else graph.features.number.shape[1]
        self.category = nn.ModuleList(nn.Embedding(n, size) for n in sizes)
        self.number = nn.Linear(numbers, size) if numbers else None

    def forward(self, nodes: Int[Tensor, " n"] | None) -> Float[Tensor, "n d"]:
        """Return the first vectors of some nodes; of all of them for None."""
        parts: list[Tensor] = []
        if self.own is not None:
            parts.append(self.own.weight if nodes is None else self.own(nodes))
        if self.features is not None:
            whole = torch.arange(self.nodes) if nodes is None else nodes
            parts += self._feature_vectors(self.features.of(whole))
        return sum(parts[1:], parts[0])

    def alone(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return what the features of nodes say, be they of the graph or not."""
        assert self.features is not None
        parts = self._feature_vectors(self.features.of(nodes))
        return sum(parts[1:], parts[0])

    def _feature_vectors(self, features: NodeFeatures) -> list[Float[Tensor, "n d"]]:
        weight = next(self.parameters())
        category = features.category.to(weight.device)
        parts = [part(category[:, n]) for n, part in enumerate(self.category)]
        if self.number is not None:
            parts.append(self.number(features.number.to(weight.device)))
        return parts
