"""Encoders of histories: the state of the reader after each event, in one pass."""

from typing import Protocol, runtime_checkable

from tidegraph.extras import needed
from tidegraph.nn.sequence.encoders.convolutions import Convolutions
from tidegraph.nn.sequence.encoders.gated import GatedUnits
from tidegraph.nn.sequence.encoders.latest import LatestEvent
from tidegraph.nn.sequence.encoders.session_graphs import SessionGraphs
from tidegraph.nn.sequence.encoders.transformer import Transformer

with needed("torch", "neural", "a neural network"):
    from torch import nn

__all__ = [
    "Convolutions",
    "GatedUnits",
    "LatestEvent",
    "SequenceEncoder",
    "SessionGraphs",
    "Transformer",
]


@runtime_checkable
class SequenceEncoder(Protocol):
    """Settings of an encoder; one of your own needs no more than this.

    Such as ``tg.encoders.GatedUnits()``.
    """

    def of_events(self, size: int, length: int) -> nn.Module:
        """Return a module from vectors of events to a state at each, alike in shape.

        It takes the vectors ``(b, h, size)``, the latest event first, 0 where there is
        none, and ``(b, h)`` ones where there is one. ``h`` is ``length`` at the most.
        One that is to learn what comes next reads nothing before a place, which is
        later. That of an encoder that ``ReadsItems`` also takes ``(b, h)`` numbers of
        the items, from 1 on, and at how many of the latest events a state is wanted; at
        all if left out.
        """
        ...


@runtime_checkable
class ReadsItems(Protocol):
    """An encoder that may read which items there are, beside their vectors."""

    @property
    def reads_items(self) -> bool:
        """Does its module take their numbers, too?"""
        ...


@runtime_checkable
class HidesEvents(Protocol):
    """An encoder that may learn from events hidden behind a token."""

    @property
    def masked(self) -> float | None:
        """The share of the events that training hides; none if it hides none."""
        ...
