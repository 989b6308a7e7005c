"""The graph of a history, as it was at each event."""

from typing import ClassVar

from jaxtyping import Float, Int

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.sequence.session_graph import GatedGraph, SessionGraph
from tidegraph.ranges import at_least, below_1

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class SessionGraphs:
    """A gated graph network over which item followed which, up to each event.

    Every event has a graph of its own, so that work grows with the cube of the length.

    Attributes:
        steps: How often items hear from those beside them.
        dropout: Share of what is said of a session that training leaves out.

    Source:
        Wu et al., "Session-based Recommendation with Graph Neural Networks", AAAI 2019,
        equations 1 to 7, gates as its authors' code has them.
    """

    reads_items: ClassVar[bool] = True

    steps: int = 1
    dropout: float = 0.2

    def __post_init__(self) -> None:
        at_least("SessionGraphs", 1, steps=self.steps)
        below_1("SessionGraphs", dropout=self.dropout)

    def of_events(self, size: int, length: int) -> nn.Module:
        """Return the module, with weights yet to be drawn."""
        return SessionStates(self, size)


class SessionStates(nn.Module):
    """The latest item beside a soft sum of all, as they are in the graph."""

    def __init__(self, config: SessionGraphs, size: int) -> None:
        super().__init__()
        self.gated = GatedGraph(size, config.steps)
        self.latest = nn.Linear(size, size, bias=False)
        self.each = nn.Linear(size, size)
        self.weigh = nn.Linear(size, 1, bias=False)
        self.drop = nn.Dropout(config.dropout)
        self.both = nn.Linear(2 * size, size, bias=False)

    def forward(
        self,
        x: Float[Tensor, "b h size"],
        there: Float[Tensor, "b h"],
        item: Int[Tensor, "b h"],
        count: int | None = None,
    ) -> Float[Tensor, "b _ size"]:
        """Return a state at each event, the latest first.

        Args:
            x: The events' vectors.
            there: 1 where there is an event, and 0 elsewhere.
            item: Which item each is of, from 1 on.
            count: At how many of the latest events; at all if left out.
        """
        b, h, size = x.shape
        count = h if count is None else count
        place = torch.arange(h, device=x.device)
        # Behind an event stand those before it.
        until = there[:, None] * (place >= place[:count, None])
        real = until.flatten(0, 1)
        graph = SessionGraph.of(item.repeat_interleave(count, 0), real)
        x = self.gated(graph, x.repeat_interleave(count, 0)) * real[:, :, None]
        each = x.view(b, count, h, size)
        last = each.diagonal(dim1=1, dim2=2).transpose(1, 2)
        score = torch.sigmoid(self.latest(last)[:, :, None] + self.each(each))
        soft = (self.weigh(score) * each).sum(dim=2)
        return self.both(self.drop(torch.cat([last, soft], dim=2)))
