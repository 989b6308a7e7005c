"""Click models: one network a file, all fed with the same inputs."""

from typing import Protocol, runtime_checkable

from tidegraph.extras import needed
from tidegraph.nn.around import ReadsGraph
from tidegraph.nn.click.din import DIN
from tidegraph.nn.click.dsgl import DSGL
from tidegraph.nn.click.factors.deepfm import DeepFM
from tidegraph.nn.click.factors.fm import FM
from tidegraph.nn.click.factors.mf import MF
from tidegraph.nn.click.factors.neumf import NeuMF
from tidegraph.nn.click.factors.pnn import PNN
from tidegraph.nn.click.factors.svdpp import SVDpp
from tidegraph.nn.click.graphs.dib import DIB
from tidegraph.nn.click.graphs.lightgcn import LightGCN
from tidegraph.nn.click.graphs.ngcf import NGCF
from tidegraph.nn.click.graphs.tien import TIEN
from tidegraph.nn.click.graphs.topolstm import TopoLSTM
from tidegraph.nn.click.mlp import MLP
from tidegraph.nn.click.next_event import NextEvent
from tidegraph.nn.click.sequences.atrank import ATRank
from tidegraph.nn.click.sequences.bert4rec import BERT4Rec
from tidegraph.nn.click.sequences.caser import Caser
from tidegraph.nn.click.sequences.dien import DIEN
from tidegraph.nn.click.sequences.gru4rec import GRU4Rec
from tidegraph.nn.click.sequences.sasrec import SASRec
from tidegraph.nn.click.sequences.srgnn import SRGNN
from tidegraph.nn.inputs import InputSpec

with needed("torch", "neural", "a neural network"):
    from torch import nn

__all__ = [
    "DIB",
    "DIEN",
    "DIN",
    "DSGL",
    "FM",
    "MF",
    "MLP",
    "NGCF",
    "PNN",
    "SRGNN",
    "TIEN",
    "ATRank",
    "BERT4Rec",
    "Caser",
    "ClickModel",
    "DeepFM",
    "GRU4Rec",
    "LightGCN",
    "NeuMF",
    "NextEvent",
    "ReadsGraph",
    "SASRec",
    "SVDpp",
    "TopoLSTM",
]


@runtime_checkable
class ClickModel(Protocol):
    """Settings of a network; one of your own needs no more than this.

    Such as ``tg.DIN()``.
    """

    def build(self, spec: InputSpec) -> nn.Module:
        """Return a module that takes ``Inputs`` and returns logits of shape (b, k)."""
        ...
