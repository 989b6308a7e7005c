"""Parts of one's own that do not fit are refused in a sentence."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

import tidegraph as tg
from conftest import draw_log
from tidegraph.errors import ConfigError
from tidegraph.nn.conv import NodeVectors

LOG = draw_log()
QUICK = tg.Training(epochs=1, patience=None)


class Vectors(NodeVectors):
    def __init__(self, nodes: int, width: int) -> None:
        super().__init__()
        self.own = nn.Embedding(nodes, width)

    def forward(self, nodes):
        return self.own(nodes)


@dataclass(frozen=True)
class Narrow:
    def of_graph(self, graph, size):
        return Vectors(graph.nodes, 3)


@dataclass(frozen=True)
class Bare:
    def of_graph(self, graph, size):
        return lambda nodes: torch.zeros(len(nodes), size)


@dataclass(frozen=True)
class Plain:
    def of_graph(self, graph, size):
        return nn.Linear(size, size)


@dataclass(frozen=True)
class OneAPair:
    temperature: float | None = None

    @property
    def drawn(self):
        return tg.PerPair(1)

    def loss(self, batch):
        return -batch.positive


@dataclass(frozen=True)
class Number(OneAPair):
    def loss(self, batch):
        return 1.0


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (
            {"encoder": Narrow()},
            r"shape \(\d+, 3\), and \d+ nodes of embedding_size 64 need \(\d+, 64\)",
        ),
        ({"encoder": Bare()}, "a function of a graph; of_graph must make a module"),
        ({"encoder": Plain()}, "a Linear of a graph; of_graph must make a module"),
        ({"objective": tg.Objective(loss=OneAPair())}, r"the shape \(\d+,\) for the"),
        ({"objective": tg.Objective(loss=Number())}, "must return one number"),
    ],
    ids=["narrow", "function", "linear", "one a pair", "number"],
)
def test_what_does_not_fit_is_refused_in_a_sentence(parts, sentence):
    with pytest.raises(ConfigError, match=sentence):
        tg.Embedding("mine", training=QUICK, **parts).fit(LOG)


def test_a_model_of_sequences_refuses_a_loss_of_each_pair():
    with pytest.raises(ConfigError, match="must return one number"):
        tg.NextItem("mine", loss=OneAPair(), training=QUICK).fit(LOG)
