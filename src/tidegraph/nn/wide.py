"""A click model beside a line over the shared inputs, where every model starts."""

import math
import warnings
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int

from tidegraph.extras import needed
from tidegraph.nn.around import Around, States
from tidegraph.nn.click.next_event import NextEventNetwork
from tidegraph.nn.click.tasks import FurtherTasks
from tidegraph.nn.inputs import SAID, Inputs
from tidegraph.nn.propagation import OTHER, Layered, Level, Side
from tidegraph.nn.recurrent import fused
from tidegraph.nn.vectors import FieldVectors

with needed("torch", "neural", "a neural network"):
    import torch
    from torch import Tensor, nn


@runtime_checkable
class LearnsMore(Protocol):
    """A network that learns from more than what was acted on."""

    def auxiliary(
        self, inputs: Inputs, around: Around | None = None
    ) -> Float[Tensor, ""]:
        """Return what is added to the loss of a batch.

        Args:
            inputs: The batch.
            around: Given to a model that reads the graph.
        """
        ...


class Wide(nn.Module):
    """Adds the logit of a logistic regression to that of a click model.

    Args:
        deep: The click model.
        numbers: Columns of the shared inputs.
        further: How many further tasks share its layers.
        context: Known values of each field of an event.

    Source:
        Cheng et al., "Wide & Deep Learning for Recommender Systems", DLRS 2016.
    """

    def __init__(
        self,
        deep: nn.Module,
        numbers: int,
        further: int = 0,
        context: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.deep = deep
        with warnings.catch_warnings():
            # Without a number there are no weights to draw, which is as it should be.
            warnings.filterwarnings("ignore", "Initializing zero-element")
            self.wide = nn.Linear(numbers, 1)
        self.said = FieldVectors(context, SAID) if context else None
        self.further = FurtherTasks(deep, numbers, further) if further else None

    def start(self, share: float, *further: float) -> None:
        """Begin near the probability ``share`` for everything.

        Args:
            share: Of an action.
            further: Of each further task.
        """
        nn.init.zeros_(self.wide.weight)
        nn.init.constant_(self.wide.bias, math.log(share / (1 - share + 1e-9)))
        if self.further is not None:
            bias = [math.log((one + 1e-6) / (1 - one + 1e-6)) for one in further]
            self.further.last.bias.data.copy_(torch.tensor(bias))

    def forward(
        self, inputs: Inputs, around: Around | None = None
    ) -> Float[Tensor, "b k"]:
        """Return the logit of an action on each candidate.

        Args:
            inputs: The batch.
            around: What the plans of a model that reads the graph brought.
        """
        inputs, around = self._told(inputs), self._told_around(around)
        deep = self.deep(inputs) if around is None else self.deep(inputs, around)
        return deep + self.wide(inputs.numbers)[:, :, 0]

    def answer(self, inputs: Inputs, around: Around | None) -> Float[Tensor, "b k"]:
        """Return the logits of a batch that lies anywhere, where the weights are."""
        around = None if around is None else around.to(self.wide.weight.device)
        with fused():
            return self(self._on_device(inputs), around)

    def each(self, inputs: Inputs, around: Around | None) -> Float[Tensor, "b k tasks"]:
        """Return ``answer``, and the logits of the further tasks behind it."""
        if self.further is None:
            return self.answer(inputs, around)[:, :, None]
        numbers = inputs.numbers.to(self.wide.weight.device)
        return self.further(lambda: self.answer(inputs, around), numbers)

    def auxiliary(
        self, inputs: Inputs, around: Around | None = None
    ) -> Float[Tensor, ""] | float:
        """Return what the click model adds to the loss of a batch, wherever it lies."""
        if not isinstance(self.deep, LearnsMore):
            return 0.0
        around = None if around is None else around.to(self.wide.weight.device)
        inputs, around = self._told(self._on_device(inputs)), self._told_around(around)
        with fused():
            if around is None:
                return self.deep.auxiliary(inputs)
            return self.deep.auxiliary(inputs, around)

    @property
    def layered(self) -> Layered | None:
        """The click model that makes states layer by layer, if it is of that kind."""
        deep = self.deep
        if isinstance(deep, NextEventNetwork):
            deep = deep.network
        return deep if isinstance(deep, Layered) else None

    def next_layer(
        self,
        side: Side,
        number: int,
        states: States,
        parent: Int[Tensor, "n f"],
        known: tuple[Float[Tensor, "n width"], Float[Tensor, "_ width"]] | None = None,
    ) -> Float[Tensor, "n width"]:
        """Return the next layer of states that lie anywhere, where the weights are.

        Args:
            side: What the states are.
            number: Of the layer before, from 0.
            states: They, and their neighbours.
            parent: Table rows of the fields of what led to each.
            known: What states and neighbours are at the layer before, but for layer 0.
        """
        network, device = self.layered, self.wide.weight.device
        assert network is not None
        states = self._told_states(states.to(device))
        above = network.own(OTHER[side], parent.to(device))
        if known is None:
            x, below = (
                network.own(one, rows)
                for one, rows in zip((side, OTHER[side]), states.node, strict=True)
            )
        else:
            x, below = (part.to(device) for part in known)
        with fused():
            level = Level.of(side, states, 0, x, above, below)
            return network.next_layer(number, level)

    def _told(self, inputs: Inputs) -> Inputs:
        """Return inputs with what is said of events as numbers of each."""
        if self.said is None:
            return inputs
        step, said = self._vectors(inputs.step)
        real = inputs.real_step[:, :, None].to(said.dtype)
        return inputs._replace(
            step=step, event=torch.cat([inputs.event, said * real], dim=2)
        )

    def _told_around(self, around: Around | None) -> Around | None:
        if self.said is None or around is None:
            return around
        return around._replace(
            user=self._told_states(around.user), item=self._told_states(around.item)
        )

    def _told_states(self, states: States) -> States:
        if self.said is None:
            return states
        parts = [self._vectors(node) for node in states.node]
        event = (
            torch.cat([known, said], dim=1)
            for known, (_, said) in zip(states.event, parts, strict=True)
        )
        return states._replace(
            node=tuple(node for node, _ in parts), event=tuple(event)
        )

    def _vectors(
        self, rows: Int[Tensor, "*shape f"]
    ) -> tuple[Int[Tensor, "*shape _"], Float[Tensor, "*shape _"]]:
        """Return the rows of nodes, and vectors of what is said of their events."""
        assert self.said is not None
        fields = len(self.said.tables)
        return rows[..., :-fields], self.said(rows[..., -fields:])

    def _on_device(self, inputs: Inputs) -> Inputs:
        return Inputs(*(part.to(self.wide.weight.device) for part in inputs))
