"""An encoder of one's own gives ``forward``, and whatever else it has is declared."""

import numpy as np
import pytest
import torch
from torch import nn

import tidegraph as tg
from tidegraph.errors import ConfigError
from tidegraph.nn.conv import Encoder, Identity, NodeVectors, TwoTables
from tidegraph.nn.graph_inputs import GraphInputs
from tidegraph.retrieval.embedding import Embedding
from tidegraph.training.settings import Training

LOG = tg.interactions(list("aabbcc"), ["i1", "i2", "i2", "i3", "i3", "i1"], range(6))
FEW = Training(2, 8, patience=None)


class Plain(NodeVectors):
    def __init__(self, graph: GraphInputs, size: int) -> None:
        super().__init__()
        self.rows = nn.Embedding(graph.nodes, size)

    def forward(self, nodes):
        return self.rows(nodes)


class Own:
    def of_graph(self, graph: GraphInputs, size: int) -> NodeVectors:
        return Plain(graph, size)


class Sided(Own):
    def of_graph(self, graph: GraphInputs, size: int) -> NodeVectors:
        made = TwoTables().of_graph(graph, size)
        made.sources_apart = False
        return made


class Wrong(Own):
    def of_graph(self, graph: GraphInputs, size: int):
        return nn.Linear(size, size)


def fitted(encoder: Encoder):
    return Embedding("A", encoder, embedding_size=4, training=FEW, seed=1).fit(LOG)


def test_an_encoder_with_forward_alone_is_a_table():
    own, table = fitted(Own()), fitted(Identity())

    np.testing.assert_array_equal(own.user, table.user)
    np.testing.assert_array_equal(own.item, table.item)
    assert own.given is None


def test_one_whose_targets_have_other_vectors_says_so():
    given = fitted(Sided()).given

    assert given is not None
    assert np.abs(given - fitted(Sided()).item).min() > 0


def test_what_is_penalised_is_what_scores_unless_said():
    module = Plain(
        GraphInputs.bipartite(1, 2, torch.zeros(1).long(), torch.ones(1).long()), 3
    )
    source, rest = torch.tensor([0]), torch.tensor([2, 1])

    assert torch.equal(module.learnt(source, rest), module.rows.weight[[0, 2, 1]])
    assert torch.equal(module.context(rest), module(rest))


def test_what_it_cannot_give_is_said():
    links = GraphInputs.bipartite(1, 2, torch.zeros(1).long(), torch.ones(1).long())
    module = Plain(links, 3)

    with pytest.raises(ConfigError, match="Plain has no vectors of their features"):
        module.alone(torch.tensor([0]))
    with pytest.raises(ConfigError, match="this encoder has no layers"):
        Embedding("A", Own(), training=FEW, ego=tg.hop("~click").recent(2)).fit(LOG)


def test_a_module_without_the_rest_is_refused_in_a_sentence():
    with pytest.raises(ConfigError, match="makes a Linear of a graph; of_graph must"):
        fitted(Wrong())
