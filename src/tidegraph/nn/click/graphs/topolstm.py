"""Topo-LSTM: who chose an item as a cascade among users who are alike."""

from typing import ClassVar

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.extras import needed
from tidegraph.nn.around import Around, Reads
from tidegraph.nn.cascade import precedence_matrix
from tidegraph.nn.crowd import Crowd, CrowdVectors
from tidegraph.nn.dense import check_widths
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.recurrent import LSTM
from tidegraph.nn.sequence.history import EventStates, InterestTower

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@settings
class TopoLSTM:
    """Topological long short-term memory over the users of a candidate.

    Attributes:
        embedding_size: Width of the vector of a field.
        hidden: Widths of the last layers.
        history: How many of the latest events of each node are read.

    Source:
        Wang et al., "Topological Recurrent Neural Network for Diffusion Prediction",
        ICDM 2017, as in its authors' code: one forget gate, and the mean of all states.
        Departs: for want of friends, those precede who chose an item in common before;
        choices are added to users; a GRU over the user's own events stands beside.
    """

    name: ClassVar[str] = "Topo-LSTM"
    history_numbers: ClassVar[tuple[str, ...]] = ("event",)

    embedding_size: int = 16
    hidden: tuple[int, ...] = (64, 32)
    history: int = 10

    def __post_init__(self) -> None:
        check_widths("TopoLSTM", **vars(self))

    def reads(self) -> Reads:
        """Return the plans: the latest events of both sides, and of users of items."""
        return Reads.latest(1, 2, self.history)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return TopoLSTMNetwork(spec, self.embedding_size, self.hidden)


class TopoLSTMNetwork(nn.Module):
    """Each user's state follows those of the users before who are alike."""

    def __init__(self, spec: InputSpec, size: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.states = EventStates(spec, size)
        width = self.states.vectors.width
        self.crowd, self.units = CrowdVectors(spec, width), LSTM(width, width)
        self.tower = InterestTower(spec, size, hidden, 1)

    def forward(self, inputs: Inputs, around: Around) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        inputs = around.history(inputs)
        cascade = self._spread_states(
            self.crowd(around.item), precedence_matrix(around.item)
        )
        candidate, state = self.states.vectors.candidates(inputs), self.states(inputs)
        return self.tower(state[:, :1], candidate, inputs, cascade[around.seat])

    def _spread_states(self, crowd: Crowd, edges: Tensor) -> Float[Tensor, "n width"]:
        given = self.units.input(crowd.user + crowd.about)
        states = given.new_zeros(2, *crowd.user.shape[:1], 0, crowd.user.shape[2])
        for step in range(given.shape[1]):
            before = (edges[:, step, :step, None] * states).sum(dim=2)
            now = torch.stack(self.units.step(given[:, step], *before))
            states = torch.cat([states, now[:, :, None]], dim=2)
        return crowd.mean(states[0])
