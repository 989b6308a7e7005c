"""What every encoder does, whatever its operator."""

import numpy as np
import pytest
import torch

from tidegraph.errors import ConfigError
from tidegraph.nn.conv import (
    GAT,
    GCN,
    GIN,
    SGC,
    GraphSAGE,
    LightPropagation,
    LSTMAggregator,
    MaxPoolAggregator,
    NGCFPropagation,
    PinSage,
)
from tidegraph.nn.graph_inputs import GraphInputs, NodeFeatures
from tidegraph.training.weights import initialised

ENCODERS = [
    GAT(),
    GCN(),
    GIN(),
    GraphSAGE(),
    GraphSAGE(aggregator=MaxPoolAggregator()),
    LightPropagation(),
    NGCFPropagation(),
    PinSage(),
    SGC(),
]
names = repr


def graph_of(linked, features=None):
    users, items = linked.shape
    user, item = (torch.from_numpy(side) for side in np.nonzero(linked))
    graph = GraphInputs.bipartite(users, items, user, item)
    return graph._replace(features=features)


@pytest.fixture
def linked(rng):
    linked = rng.random((6, 8)) < 0.4
    linked[2] = False
    return linked


def built(encoder, graph, size=4):
    return initialised(lambda: encoder.of_graph(graph, size), np.random.default_rng(0))


@pytest.mark.parametrize("encoder", ENCODERS, ids=names)
def test_a_vector_is_the_same_whatever_else_is_wanted(encoder, linked):
    module = built(encoder, graph_of(linked))
    nodes = torch.tensor([3, 13, 2, 3])

    whole, some = module(torch.arange(14)), module(nodes)

    torch.testing.assert_close(some, whole[nodes])


@pytest.mark.parametrize("encoder", ENCODERS, ids=names)
def test_renumbered_users_and_items_keep_their_vectors(encoder, linked, rng):
    user, item = rng.permutation(6), rng.permutation(8)
    order = torch.from_numpy(np.concatenate([user, item + 6]))
    module = built(encoder, graph_of(linked))
    other = built(encoder, graph_of(linked[user][:, item]))
    weights = module.state_dict()
    weights["first.own.weight"] = weights["first.own.weight"][order]
    other.load_state_dict(weights)

    found, renumbered = (one(torch.arange(14)) for one in (module, other))

    torch.testing.assert_close(renumbered, found[order])


@pytest.mark.parametrize("encoder", ENCODERS, ids=names)
def test_a_loss_of_few_nodes_reaches_what_is_around_them_and_no_more(encoder, linked):
    """Two groups of nodes that share no edge."""
    apart = np.zeros((12, 16), bool)
    apart[:6, :8] = linked
    apart[6:, 8:] = linked
    module = built(encoder, graph_of(apart), size=16)

    module(torch.tensor([0, 12])).sum().backward()

    reached = module.first.own.weight.grad.abs().sum(dim=1) > 0
    assert reached[:6].sum() > 1
    assert not reached[6:12].any()
    assert not reached[20:].any()


@pytest.mark.parametrize(
    "encoder", [GCN(ids=False), GraphSAGE(ids=False), PinSage(ids=False)], ids=repr
)
def test_nodes_of_the_same_features_and_edges_have_the_same_vector(encoder, rng):
    linked = np.zeros((6, 8), bool)
    linked[:3, :4] = True
    category = torch.tensor([[0]] * 6 + [[1]] * 4 + [[2]] * 4)
    number = (torch.arange(14.0) > 9)[:, None].float()
    features = NodeFeatures(category, (3,), number)
    module = built(encoder, graph_of(linked, features), size=16)

    vectors = module(torch.arange(14))

    torch.testing.assert_close(vectors[6:10], vectors[[6]].expand(4, -1))
    torch.testing.assert_close(vectors[10:], vectors[[10]].expand(4, -1))
    assert not torch.allclose(vectors[6], vectors[10])


def test_without_ids_there_must_be_features(linked):
    with pytest.raises(ConfigError, match="need features"):
        GraphSAGE(ids=False).of_graph(graph_of(linked), 4)


def test_heads_share_out_a_vector(linked):
    with pytest.raises(ConfigError, match="multiple of heads"):
        GAT(heads=3).of_graph(graph_of(linked), 4)


def test_an_lstm_takes_the_whole_graph_too(linked):
    module = built(GraphSAGE(aggregator=LSTMAggregator()), graph_of(linked))

    assert module(torch.arange(14)).isfinite().all()
