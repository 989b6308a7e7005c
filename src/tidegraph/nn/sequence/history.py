"""What models of sequences share: events as vectors, and where their answers end."""

from jaxtyping import Bool, Float

from tidegraph.extras import needed
from tidegraph.nn.dense import Tower
from tidegraph.nn.inputs import Inputs, InputSpec
from tidegraph.nn.recurrent import GRU
from tidegraph.nn.vectors import EventVectors, FieldVectors, UserVectors

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


class HistoryVectors(nn.Module):
    """Vectors of candidates, and of the events before, whose items share their tables.

    Args:
        spec: Widths of the inputs.
        size: Width of the vector of a field.
    """

    def __init__(self, spec: InputSpec, size: int) -> None:
        super().__init__()
        self.item = FieldVectors(spec.item, size)
        self.about = EventVectors(spec)
        self.width = self.item.width
        self.event_width = self.width + self.about.width

    def candidates(self, inputs: Inputs) -> Float[Tensor, "b k width"]:
        """Return the vector of each candidate."""
        return self.item(inputs.item)

    def items(self, inputs: Inputs) -> Float[Tensor, "b h width"]:
        """Return the vector of the item of each event, the latest first; 0 of none."""
        return self.item(inputs.step) * real_events(inputs)[:, :, None]

    def events(self, inputs: Inputs) -> Float[Tensor, "b h event"]:
        """Return all that is known of each event, the latest first; 0 of none."""
        both = torch.cat([self.item(inputs.step), self.about(inputs)], dim=2)
        return both * real_events(inputs)[:, :, None]


class EventStates(nn.Module):
    """Gated recurrent units over events, as wide as the vector of an item.

    Args:
        spec: Widths of the inputs.
        size: Width of the vector of a field.
    """

    def __init__(self, spec: InputSpec, size: int) -> None:
        super().__init__()
        self.vectors = HistoryVectors(spec, size)
        self.units = GRU(self.vectors.event_width, self.vectors.width)

    def forward(self, inputs: Inputs) -> Float[Tensor, "b h width"]:
        """Return the state after each event, the latest first."""
        events, there = self.vectors.events(inputs), real_events(inputs)
        return self.units.masked(events.flip(1), there.flip(1)).flip(1)


class PlacedEvents(nn.Module):
    """Events as vectors of one width, that of an item: what attention works on.

    The item, what is known of the event, projected, and its place are added up.

    Args:
        spec: Widths of the inputs.
        size: Width of the vector of a field.
        length: How many places have vectors; those behind have that of the last.
    """

    def __init__(self, spec: InputSpec, size: int, length: int) -> None:
        super().__init__()
        self.vectors = HistoryVectors(spec, size)
        self.about = nn.Linear(self.vectors.about.width, self.vectors.width)
        self.place = nn.Embedding(length, self.vectors.width)

    def forward(
        self,
        inputs: Inputs,
        hidden: Bool[Tensor, "b h"] | None = None,
        token: Float[Tensor, "1 width"] | None = None,
    ) -> Float[Tensor, "b h width"]:
        """Return the vector of each event, the latest first.

        Args:
            inputs: The batch.
            hidden: Events of which nothing is told but their place.
            token: What stands for them.
        """
        place = torch.arange(inputs.step.shape[1], device=inputs.step.device)
        x = self.vectors.items(inputs) + self.about(self.vectors.about(inputs))
        if hidden is not None and token is not None:
            x = torch.where(hidden[:, :, None], token, x)
        return x + self.place(place.clamp(max=self.place.num_embeddings - 1))


def real_events(inputs: Inputs) -> Float[Tensor, "b h"]:
    """Return 1 where there is an event, and 0 elsewhere."""
    return inputs.real_step.to(inputs.numbers.dtype)


class CrossBias(nn.Module):
    """How much more an event weighs for who asks, by what is known of both together.

    Args:
        width: Columns of what is known.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.line = nn.Linear(width, 1, bias=False) if width else None

    def forward(self, cross: Float[Tensor, "b k h c"]) -> Float[Tensor, "b k h"]:
        """Return a number for each candidate and event; 0 where nothing is known."""
        if self.line is None:
            return cross.new_zeros(cross.shape[:3])
        return self.line(cross)[..., 0]


class InterestTower(nn.Module):
    """The layers above an interest: with candidate, their product, user and numbers.

    Args:
        spec: Widths of the inputs.
        size: Width of the vector of a field.
        hidden: Widths of the layers.
        extra: How many other vectors, as wide as an item's, a model hands over.
    """

    def __init__(
        self, spec: InputSpec, size: int, hidden: tuple[int, ...], extra: int = 0
    ) -> None:
        super().__init__()
        self.user = UserVectors(spec.user, size)
        width = (3 + extra) * size * len(spec.item) + self.user.width
        self.tower = Tower(width + spec.numbers, hidden)

    def forward(
        self,
        interest: Float[Tensor, "b _ width"],
        candidate: Float[Tensor, "b k width"],
        inputs: Inputs,
        *extra: Float[Tensor, "b _ _"],
    ) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate.

        Args:
            interest: Of the user, for each candidate or for all alike.
            candidate: The candidates' vectors.
            inputs: The batch.
            extra: What else the model made, for each candidate or for all alike.
        """
        user = self.user(inputs.user)[:, None]
        k = candidate.shape[1]
        parts = [part.expand(-1, k, -1) for part in (interest, user, *extra)]
        parts += [candidate, interest * candidate, inputs.numbers]
        return self.tower(torch.cat(parts, dim=2), inputs.present)
