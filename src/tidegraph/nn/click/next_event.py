"""A click model that learns what comes next in a history as well."""

from dataclasses import field
from typing import Any, Protocol, cast, runtime_checkable

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.nn.around import Around, Reads, reads_of
from tidegraph.nn.click.dsgl import DSGL
from tidegraph.nn.click.graphs.tien import TIEN
from tidegraph.nn.click.sequences.gru4rec import GRU4Rec
from tidegraph.nn.inputs import Inputs, InputSpec, history_numbers_of
from tidegraph.nn.sequence.next_item import Foretold, discrimination_loss
from tidegraph.ranges import at_least

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


__all__ = ["DSGL", "TIEN", "GRU4Rec"]
"""What a recipe may name as a backbone."""


@runtime_checkable
class Backbone(Protocol):
    """Settings of a click model whose network has states of events."""

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, which is ``Foretells``, too."""
        ...


@runtime_checkable
class Foretells(Protocol):
    """A network that has a state after each event, by which to tell the next."""

    width: int
    """Numbers in a state."""

    def foretold(self, *given: Any) -> Foretold:
        """Return the states and what came next; it is given what the network is."""
        ...


@settings
class NextEvent:
    """Another click model, with a loss of telling the next event by those before.

    Vectors of items and the reader of events then learn from every event, not from what
    was and was not acted on alone.

    Attributes:
        backbone: Which: ``DSGL``, ``GRU4Rec`` or ``TIEN``. ``DIEN`` has its own.
        auxiliary: What the loss counts for.

    Source:
        Zhou et al., "Deep Interest Evolution Network for Click-Through Rate
        Prediction", AAAI 2019, the auxiliary loss. Departs: a matrix stands between a
        state and the item that it is multiplied with.
    """

    backbone: Backbone = field(default_factory=GRU4Rec)
    auxiliary: float = 1.0

    def __post_init__(self) -> None:
        at_least("NextEvent", 0, auxiliary=self.auxiliary)
        with torch.device("meta"):
            network = self.backbone.build(InputSpec((1,), (1,), 1, 1, 1, 1))
        if not isinstance(network, Foretells):
            raise ConfigError(
                f"{self.name} has no states of events to tell the next one by. Take "
                "DSGL, GRU4Rec or TIEN."
            )
        if isinstance(self.backbone, DSGL) and not self.backbone.user_depth:
            raise ConfigError(
                "NextEvent tells the next event of a user by those before, and DSGL of "
                "user_depth 0 reads none. Take a depth of at least 1."
            )

    @property
    def name(self) -> str:
        """What it is called, where a pipeline says what it is made of."""
        of = getattr(self.backbone, "name", type(self.backbone).__name__)
        return f"{of}, next event"

    @property
    def history_numbers(self) -> tuple[str, ...]:
        """What of ``HISTORY_NUMBERS`` the model reads."""
        return history_numbers_of(self.backbone)

    def reads(self) -> Reads | None:
        """Return what the model reads of the graph, if it does."""
        return reads_of(self.backbone)

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return NextEventNetwork(self.backbone.build(spec), self.auxiliary)


class NextEventNetwork(nn.Module):
    """A network, and a matrix that makes of its states what is expected next."""

    def __init__(self, network: nn.Module, share: float) -> None:
        super().__init__()
        self.network, self.share = network, share
        width = cast(Foretells, network).width
        self.ask = nn.Linear(width, width)

    def forward(
        self, inputs: Inputs, around: Around | None = None
    ) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate."""
        return self.network(inputs) if around is None else self.network(inputs, around)

    def auxiliary(
        self, inputs: Inputs, around: Around | None = None
    ) -> Float[Tensor, ""]:
        """Return the loss of telling the next event by the state before it."""
        states = cast(Foretells, self.network)
        given = (inputs,) if around is None else (inputs, around)
        known = states.foretold(*given)
        return self.share * discrimination_loss(
            known._replace(state=self.ask(known.state))
        )
