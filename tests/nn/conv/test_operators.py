"""Operators against those of PyTorch Geometric, and the laws that all of them keep."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegraph.nn.conv.gat import GATConv
from tidegraph.nn.conv.gcn import GCNConv
from tidegraph.nn.conv.gin import GINConv
from tidegraph.nn.conv.light import LightGCNConv
from tidegraph.nn.conv.ngcf import NGCFConv
from tidegraph.nn.conv.pinsage import PinSageConv
from tidegraph.nn.conv.sage import (
    LSTMAggregator,
    MaxPoolAggregator,
    MeanAggregator,
    SAGEConv,
)
from tidegraph.nn.conv.sgc import SGConv
from tidegraph.nn.links import Links

with warnings.catch_warnings():
    # It compiles parts of itself on import, in a way that torch would rather not.
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch_geometric import nn as pyg

D = 4
OPERATORS = {
    "gcn": lambda: GCNConv(D, D),
    "sage-mean": lambda: SAGEConv(D, D, MeanAggregator().of_width(D)),
    "sage-max": lambda: SAGEConv(D, D, MaxPoolAggregator().of_width(D)),
    "sage-lstm": lambda: SAGEConv(D, D, LSTMAggregator().of_width(D)),
    "gat": lambda: GATConv(D, D, heads=2),
    "gin": lambda: GINConv(D, D),
    "ngcf": lambda: NGCFConv(D, D),
    "lightgcn": LightGCNConv,
    "sgc": SGConv,
    "pinsage": lambda: PinSageConv(D, D),
}


def links_of(adjacency):
    """Links of a dense matrix whose rows are targets."""
    row, column = (torch.from_numpy(side) for side in np.nonzero(adjacency))
    weight = torch.from_numpy(adjacency)[row, column]
    return Links.square(len(adjacency), row, column, weight)


def renumbered_links(adjacency, order):
    """Links of renumbered nodes, those of a target in the order of the old numbers."""
    near = [np.flatnonzero(adjacency[old]) for old in order]
    row = np.repeat(np.arange(len(order)), [len(some) for some in near])
    old = np.concatenate([np.zeros(0, np.int64), *near])
    weight = torch.from_numpy(adjacency[order[row], old])
    column = torch.from_numpy(np.argsort(order)[old])
    return Links.square(len(order), torch.from_numpy(row), column, weight)


def drawn(rng, nodes, share=0.4, weighted=True):
    """Return an undirected graph as a dense matrix, and vectors of its nodes."""
    linked = np.triu(rng.random((nodes, nodes)) < share, 1)
    weight = linked * (rng.uniform(0.5, 2, linked.shape) if weighted else 1.0)
    vectors = torch.from_numpy(rng.normal(size=(nodes, D)))
    return weight + weight.T, vectors


def built(name):
    return stirred(OPERATORS[name]().double())


def stirred(operator):
    """Draw every weight: what starts at 0 would hide a mistake."""
    random = torch.Generator().manual_seed(0)
    for part in operator.parameters():
        torch.nn.init.normal_(part, generator=random)
    return operator


@pytest.fixture
def graph(rng):
    """An adjacency matrix with a node alone, vectors, and the edges as PyG has them."""
    adjacency, vectors = drawn(rng, 12)
    adjacency[5] = adjacency[:, 5] = 0
    row, column = np.nonzero(adjacency)
    # PyG has sources first.
    return adjacency, vectors, torch.from_numpy(np.stack([column, row]))


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def weights(adjacency, edges):
    return torch.from_numpy(adjacency)[edges[1], edges[0]]


def test_gcn_is_that_of_pytorch_geometric(graph):
    adjacency, x, edges = graph
    ours, theirs = built("gcn"), pyg.GCNConv(D, D).double()
    theirs.lin.weight, theirs.bias = ours.linear.weight, ours.bias

    found = ours(x, x, links_of(adjacency))

    close(found, theirs(x, edges, weights(adjacency, edges)))


@pytest.mark.parametrize(
    ("name", "how"),
    [("sage-mean", {}), ("sage-max", {"aggr": "max", "project": True})],
)
def test_graphsage_is_that_of_pytorch_geometric(graph, name, how):
    adjacency, x, edges = graph
    adjacency = (adjacency > 0).astype(float)
    ours, theirs = built(name), pyg.SAGEConv(D, D, **how).double()
    theirs.lin_l, theirs.lin_r = ours.neighbors, ours.own
    if how:
        theirs.lin = ours.aggregate.pool

    found = ours(x, x, links_of(adjacency))

    close(found, theirs(x, edges))


def test_an_lstm_over_neighbours_is_that_of_pytorch_geometric(rng):
    """On a ring: theirs reads on over the padding of nodes with fewer neighbours."""
    x = torch.from_numpy(rng.normal(size=(7, D)))
    ring = np.roll(np.eye(7), 1, axis=0) + np.roll(np.eye(7), -1, axis=0)
    row, column = np.nonzero(ring)
    edges = torch.from_numpy(np.stack([column, row]))
    ours, theirs = built("sage-lstm"), pyg.SAGEConv(D, D, aggr="lstm").double()
    theirs.lin_l, theirs.lin_r = ours.neighbors, ours.own
    theirs.aggr_module.lstm.load_state_dict(ours.aggregate.lstm.state_dict())

    found = ours(x, x, links_of(ring))

    close(found, theirs(x, edges))


def test_an_lstm_reads_each_neighbourhood_to_its_own_end(graph):
    adjacency, x, _ = graph
    ours = built("sage-lstm").aggregate

    found = ours(x, links_of(adjacency))

    for node, neighbours in enumerate(adjacency):
        seen = x[np.flatnonzero(neighbours)]
        last = ours.lstm(seen)[0][-1] if len(seen) else torch.zeros(D).double()
        close(found[node], last)


@pytest.mark.parametrize("heads", [1, 2])
def test_gat_is_that_of_pytorch_geometric(graph, heads):
    adjacency, x, edges = graph
    ours = stirred(GATConv(D, D, heads).double())
    theirs = pyg.GATConv(D, D // heads, heads).double()
    theirs.lin.weight, theirs.bias = ours.linear.weight, ours.bias
    theirs.att_src.data[0], theirs.att_dst.data[0] = ours.from_source, ours.from_target

    found = ours(x, x, links_of(adjacency))

    close(found, theirs(x, edges))


def test_gin_is_that_of_pytorch_geometric(graph):
    adjacency, x, edges = graph
    ours = built("gin")
    theirs = pyg.GINConv(ours.mlp, train_eps=True).double()
    theirs.eps.data[0] = ours.eps

    found = ours(x, x, links_of((adjacency > 0).astype(float)))

    close(found, theirs(x, edges))


def test_lightgcn_is_that_of_pytorch_geometric(graph):
    adjacency, x, edges = graph

    found = LightGCNConv()(x, x, links_of(adjacency))

    close(found, pyg.LGConv()(x, edges, weights(adjacency, edges)))


def test_three_steps_of_sgc_are_those_of_pytorch_geometric(graph):
    adjacency, x, edges = graph
    theirs = pyg.SGConv(D, D, K=3).double()
    links, found = links_of(adjacency), x

    for _ in range(3):
        found = SGConv()(found, found, links)

    close(theirs.lin(found), theirs(x, edges, weights(adjacency, edges)))


def test_ngcf_is_its_equation(graph):
    """Wang et al. (2019), equations 3, 4 and 5, edge by edge."""
    adjacency, x, _ = graph
    ours, degree = built("ngcf"), adjacency.sum(axis=1)
    w1, w2 = ours.own.weight, ours.alike.weight

    found = ours(x, x, links_of(adjacency))

    for u in range(len(x)):
        total = w1 @ x[u]
        for i in np.flatnonzero(adjacency[u]):
            p = adjacency[u, i] / np.sqrt(degree[u] * degree[i])
            total = total + p * (w1 @ x[i] + w2 @ (x[i] * x[u]))
        close(found[u], torch.where(total > 0, total, 0.2 * total))


def test_pinsage_is_its_algorithm(graph):
    """Ying et al. (2018), algorithm 1, node by node."""
    adjacency, x, _ = graph
    ours = built("pinsage")

    found = ours(x, x, links_of(adjacency))

    for u in range(len(x)):
        near = np.flatnonzero(adjacency[u])
        share = torch.from_numpy(adjacency[u, near] / max(adjacency[u].sum(), 1e-9))
        pooled = share @ ours.message(x[near]).relu()
        z = ours.both(torch.cat([x[u], pooled])).relu()
        close(found[u], z / z.norm().clamp(min=1e-12))


@pytest.mark.parametrize("name", OPERATORS)
@given(seed=st.integers(0, 2**32), nodes=st.integers(0, 9))
def test_renumbered_nodes_get_the_same_vectors(name, seed, nodes):
    rng = np.random.default_rng(seed)
    adjacency, x = drawn(rng, nodes)
    order, operator = rng.permutation(nodes), built(name)
    other = links_of(adjacency[order][:, order])
    if name == "sage-lstm":
        # What reads in order is asked with the edges of each target as they lay.
        other = renumbered_links(adjacency, order)

    found = operator(x, x, links_of(adjacency))
    renumbered = operator(x[order], x[order], other)

    torch.testing.assert_close(renumbered, found[order])


@pytest.mark.parametrize("name", OPERATORS)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_a_part_of_the_targets_gets_what_they_get_in_the_whole(name, seed):
    """The edges of a few targets, and those of the first, as a batch has them."""
    rng = np.random.default_rng(seed)
    adjacency, x = drawn(rng, 8)
    links, operator = links_of(adjacency), built(name)
    some = torch.from_numpy(rng.integers(0, 8, 5))

    whole = operator(x, x, links)

    torch.testing.assert_close(operator(x, x[some], links.of(some)), whole[some])
    torch.testing.assert_close(operator(x, x[:3], links.first(3, 8)), whole[:3])


@pytest.mark.parametrize("name", OPERATORS)
def test_gradients_are_those_of_small_steps_in_the_whole_and_in_a_part(name, graph):
    adjacency, x, _ = graph
    operator, links = built(name), links_of(adjacency)
    some = torch.tensor([5, 2, 7, 2])
    # PinSage has length 0 where every unit is at rest, and no gradient there.
    x = x.abs().requires_grad_() if name == "pinsage" else x.requires_grad_()

    assert torch.autograd.gradcheck(lambda x: operator(x, x, links), x)
    assert torch.autograd.gradcheck(lambda x: operator(x, x[some], links.of(some)), x)


@pytest.mark.parametrize("name", OPERATORS)
def test_without_any_edge_vectors_and_gradients_are_numbers(name):
    operator, x = built(name), torch.ones(3, D).double().requires_grad_()

    found = operator(x, x, links_of(np.zeros((3, 3))))
    found.sum().backward()

    assert found.shape == (3, D)
    assert found.isfinite().all()
    assert x.grad.isfinite().all()


def test_the_strengths_of_a_part_are_those_of_the_whole(graph):
    adjacency, _, _ = graph
    links = links_of(adjacency)
    some = torch.tensor([3, 0, 3])

    part = links.of(some)

    close(part.received, links.received[some])
    assert part.row.tolist() == sorted(part.row.tolist())
    assert replace(part, lasting=True).turned[0].targets == len(adjacency)
