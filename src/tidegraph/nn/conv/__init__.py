"""Encoders of a graph: one operator a file; the receptive field is part of each."""

from typing import Protocol, runtime_checkable

from tidegraph.nn.conv.gat import GAT
from tidegraph.nn.conv.gcn import GCN
from tidegraph.nn.conv.gin import GIN
from tidegraph.nn.conv.identity import Identity, Table, TwoTables
from tidegraph.nn.conv.light import LightPropagation
from tidegraph.nn.conv.ngcf import NGCFPropagation
from tidegraph.nn.conv.pinsage import PinSage
from tidegraph.nn.conv.sage import (
    GraphSAGE,
    LSTMAggregator,
    MaxPoolAggregator,
    MeanAggregator,
)
from tidegraph.nn.conv.sgc import SGC
from tidegraph.nn.conv.side_information import SideInformation
from tidegraph.nn.conv.start import Spectral, Start
from tidegraph.nn.conv.svdpp import SVDPlusPlus
from tidegraph.nn.conv.vectors import NodeVectors
from tidegraph.nn.graph_inputs import GraphInputs

__all__ = [
    "GAT",
    "GCN",
    "GIN",
    "SGC",
    "Encoder",
    "EncodesFeatures",
    "GraphSAGE",
    "Identity",
    "LSTMAggregator",
    "LightPropagation",
    "MaxPoolAggregator",
    "MeanAggregator",
    "NGCFPropagation",
    "NodeVectors",
    "PinSage",
    "SVDPlusPlus",
    "SideInformation",
    "Spectral",
    "Start",
    "Table",
    "TwoTables",
]


@runtime_checkable
class Encoder(Protocol):
    """Settings of an encoder; one of your own needs no more than this.

    Such as ``tg.encoders.GCN()``.

    What else it may give stands in ``NodeVectors``, and in ``EncodesFeatures`` how it
    asks for features of items.
    """

    def of_graph(self, graph: GraphInputs, size: int) -> NodeVectors:
        """Return a module from nodes to their vectors, of so many numbers each."""
        ...


@runtime_checkable
class EncodesFeatures(Protocol):
    """An encoder whose graph has features of items."""

    @property
    def features(self) -> tuple[str, ...]:
        """The names of their columns; () for none."""
        ...

    @property
    def categorical(self) -> bool:
        """Are columns of whole numbers categories, too?"""
        ...
