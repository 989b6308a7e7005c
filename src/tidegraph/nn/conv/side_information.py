"""Side information: a node's own vector and one of each of its categories, weighed."""

import math
from typing import ClassVar

from jaxtyping import Bool, Float, Int

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.nn.conv.identity import ContextVectors
from tidegraph.nn.field import distinct_nodes
from tidegraph.nn.graph_inputs import GraphInputs, NodeFeatures

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class SideInformation:
    """The mean of a node's own vector and those of its categories, as GES and EGES.

    A category that is not known of a node is left out of its mean.

    Attributes:
        features: Columns of item features, each a category. An item without an edge is
            the plain mean of the vectors of its categories.
        weighted: Does each node weigh its own vector and its categories, by a softmax
            that is learnt (EGES)? A plain mean (GES) if not.
    """

    categorical: ClassVar[bool] = True
    tables: ClassVar[int] = 2

    features: tuple[str, ...] = ()
    weighted: bool = True

    def of_graph(self, graph: GraphInputs, size: int) -> "SideVectors":
        """Return the tables, with weights yet to be drawn.

        Raises:
            ConfigError: There are no features.
        """
        if graph.features is None:
            raise ConfigError(
                "side information has no column to come from. Name features of items, "
                "or take an encoder without side information."
            )
        return SideVectors(graph, graph.features, size, weighted=self.weighted)


class SideVectors(ContextVectors):
    """A node is ``sum_j e^a_vj w_vj / sum_j e^a_vj`` of its own vector and its sides.

    Each node has another vector as a target, its context, which is for training alone:
    nothing could give one to an item that never was a target.

    Args:
        graph: The nodes.
        features: The categories of each.
        size: Numbers in a vector.
        weighted: Are there weights a of each node? They are all 0 if not.

    Source:
        Wang et al., "Billion-scale Commodity Embedding for E-commerce Recommendation in
        Alibaba", KDD 2018, equations 4 to 7.
    """

    context_trains_only = True

    def __init__(
        self, graph: GraphInputs, features: NodeFeatures, size: int, *, weighted: bool
    ) -> None:
        super().__init__()
        self.own = nn.Embedding(graph.nodes, size)
        self.side = nn.ModuleList(nn.Embedding(n, size) for n in features.sizes)
        self.other = nn.Embedding(graph.nodes, size)
        parts = 1 + len(features.sizes)
        self.weight = nn.Embedding(graph.nodes, parts) if weighted else None
        self.features = features

    def forward(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the vectors of some nodes, each computed once."""
        nodes, place = distinct_nodes(nodes)
        side, known = self._sides(nodes)
        parts = torch.stack([self.own(nodes), *side], dim=1)
        known = torch.cat([known.new_ones(len(nodes), 1), known], dim=1)
        score = parts.new_zeros(known.shape)
        if self.weight is not None:
            score = self.weight(nodes)
        share = score.masked_fill(~known, -math.inf).softmax(dim=1)
        return (share[:, :, None] * parts).sum(dim=1)[place]

    def alone(self, nodes: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return what the sides of nodes say; nan where none is known."""
        side, known = self._sides(nodes)
        parts = torch.stack(side, dim=1) * known[:, :, None]
        return parts.sum(dim=1) / known.sum(dim=1, keepdim=True)

    def _sides(
        self, nodes: Int[Tensor, " n"]
    ) -> tuple[list[Float[Tensor, "n d"]], Bool[Tensor, "n c"]]:
        """Return a vector of each category, and which categories are known."""
        category = self.features.of(nodes).category.to(nodes.device)
        vectors = [part(category[:, n]) for n, part in enumerate(self.side)]
        return vectors, category > 0
