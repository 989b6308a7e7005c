"""Encoders of a graph: one operator a file; the receptive field is part of each."""

from typing import Protocol, runtime_checkable

from tidegraph.extras import needed
from tidegraph.nn.conv.gat import GAT
from tidegraph.nn.conv.gcn import GCN
from tidegraph.nn.conv.gin import GIN
from tidegraph.nn.conv.identity import Identity, Table
from tidegraph.nn.conv.light import LightPropagation
from tidegraph.nn.conv.ngcf import NGCF
from tidegraph.nn.conv.pinsage import PinSage
from tidegraph.nn.conv.sage import (
    GraphSAGE,
    LSTMAggregator,
    MaxPoolAggregator,
    MeanAggregator,
)
from tidegraph.nn.conv.sgc import SGC
from tidegraph.nn.conv.side import SideInformation
from tidegraph.nn.conv.start import Spectral, Start
from tidegraph.nn.conv.svdpp import SVDPlusPlus
from tidegraph.nn.conv.two_tables import TwoTables
from tidegraph.nn.graph_inputs import GraphInputs

with needed("torch", "neural", "a neural network"):
    from torch import nn

__all__ = [
    "GAT",
    "GCN",
    "GIN",
    "NGCF",
    "SGC",
    "Encoder",
    "GraphSAGE",
    "Identity",
    "LSTMAggregator",
    "LightPropagation",
    "MaxPoolAggregator",
    "MeanAggregator",
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
    """Settings of an encoder; one of your own needs no more than this."""

    def of_graph(self, graph: GraphInputs, size: int) -> nn.Module:
        """Return a module whose ``forward`` takes nodes and gives their vectors.

        A second method, ``context``, gives the vectors of targets where they are others
        than those of sources, and ``learnt`` what a penalty keeps small.
        """
        ...
