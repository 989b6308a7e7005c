"""A click model that learns what comes next in a history as well."""

from collections.abc import Callable
from dataclasses import field
from typing import Protocol, cast, runtime_checkable

from jaxtyping import Float

from tidegraph.arguments import settings
from tidegraph.errors import ConfigError
from tidegraph.extras import needed
from tidegraph.nn.around import Around, Reads
from tidegraph.nn.click.dsgl import DSGL
from tidegraph.nn.click.graphs.tien import TIEN
from tidegraph.nn.click.sequences.gru4rec import GRU4Rec
from tidegraph.nn.inputs import HISTORY_NUMBERS, Inputs, InputSpec
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
        """Return the network, with ``foretold`` and the ``width`` of a state."""
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
        if not hasattr(network, "foretold"):
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
        return getattr(self.backbone, "history_numbers", HISTORY_NUMBERS)

    def reads(self) -> Reads | None:
        """Return what the model reads of the graph, if it does."""
        reads = getattr(self.backbone, "reads", None)
        return None if reads is None else reads()

    def build(self, spec: InputSpec) -> nn.Module:
        """Return the network, with weights yet to be drawn."""
        return NextEventNetwork(self.backbone.build(spec), self.auxiliary)


class NextEventNetwork(nn.Module):
    """A network, and a matrix that makes of its states what is expected next."""

    def __init__(self, network: nn.Module, share: float) -> None:
        super().__init__()
        self.network, self.share = network, share
        width = cast(int, network.width)
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
        foretold = cast(Callable[..., Foretold], self.network.foretold)
        known = foretold(inputs) if around is None else foretold(inputs, around)
        return self.share * discrimination_loss(
            known._replace(state=self.ask(known.state))
        )
