"""SR-GNN: the history as a graph of the items that followed each other."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.sequence.history import HistoryVectors, InterestTower, real_events
from tidegraph.nn.sequence.session_graph import GatedGraph, SessionGraph

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class SRGNN:
    """Gated graph network over the graph of a history.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the layers after the history.
        steps: How often items hear from those beside them.

    Source:
        Wu et al., "Session-based Recommendation with Graph Neural Networks", AAAI 2019,
        gates as its authors' code has them. Departs: what is known of each event enters
        the weights of the soft sum; the interest, the layers that all models end in.
    """

    name: ClassVar[str] = "SR-GNN"
    history_numbers: ClassVar[tuple[str, ...]] = ("event",)

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)
    steps: int = 1

    def __post_init__(self) -> None:
        check_widths("SRGNN", **vars(self))

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return SRGNNNetwork(spec, self)


class SRGNNNetwork(nn.Module):
    """The latest item beside a soft sum of all is the user's interest."""

    def __init__(self, spec: InputSpec, config: SRGNN) -> None:
        super().__init__()
        self.vectors = HistoryVectors(spec, config.embedding_size)
        width = self.vectors.width
        self.gated = GatedGraph(width, config.steps)
        self.latest = nn.Linear(width, width, bias=False)
        self.each = nn.Linear(self.vectors.event_width, width)
        self.weigh = nn.Linear(width, 1, bias=False)
        self.both = nn.Linear(2 * width, width, bias=False)
        self.tower = InterestTower(spec, config.embedding_size, config.hidden)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        there = real_events(inputs)
        graph = SessionGraph.of(inputs.step[..., 0], there)
        x = self.gated(graph, self.vectors.items(inputs)) * there[:, :, None]
        each = self.each(torch.cat([x, self.vectors.about(inputs)], dim=2))
        weight = self.weigh(torch.sigmoid(self.latest(x[:, :1]) + each))
        soft = (weight * x).sum(dim=1, keepdim=True)
        interest = self.both(torch.cat([x[:, :1], soft], dim=2))
        return self.tower(interest, self.vectors.candidates(inputs), inputs)
