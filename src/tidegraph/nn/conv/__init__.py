"""Encoders of a graph: one operator a file; the receptive field is part of each."""

from typing import Protocol, runtime_checkable

from tidegraph.nn.conv.identity import Identity, Tables
from tidegraph.nn.conv.light import LightPropagation
from tidegraph.nn.graph_inputs import Bipartite

__all__ = ["Encoder", "Identity", "LightPropagation", "Tables"]


@runtime_checkable
class Encoder(Protocol):
    """Settings of an encoder; one of your own needs no more than this."""

    def build(self, graph: Bipartite, size: int) -> Tables:
        """Return tables whose ``forward`` gives the vectors of users and of items."""
        ...
