"""Encoders on what plans sample: the same as on the whole graph, and no future."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from retrieval.recipes_log import assert_tells_two_groups_apart
from tidegraph.data.interactions import Interactions
from tidegraph.ego.cluster import local_cluster
from tidegraph.ego.hops import hop
from tidegraph.ego.walks import walk
from tidegraph.errors import ConfigError
from tidegraph.nn.conv import (
    GAT,
    GCN,
    GIN,
    SGC,
    GraphSAGE,
    Identity,
    LightPropagation,
    MaxPoolAggregator,
    NGCFPropagation,
    PinSage,
)
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.inputs.fields import Fields
from tidegraph.retrieval.objective import Objective
from tidegraph.retrieval.objective.losses import SampledSoftmax
from tidegraph.retrieval.objective.pairs import Edges
from tidegraph.stages import Fold
from tidegraph.testing.logs import draw_log
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training
from tidegraph.training.weights import initialised
from tiers import chosen

FEW = Training(2, 128, patience=None)
ALL = hop("action").all_time().all().hop("~action").all_time().all()
PAST = hop("action").recent(5).hop("~action").recent(3)
DRAWN = hop("action").sample(8).hop("~action").sample(4)
CLUSTERS = local_cluster("action", type="item", size=20, all_time=True)
WALKS = walk("~action", "action", times=20, length=2)
ENCODERS = [
    GAT(),
    GCN(),
    GIN(),
    GraphSAGE(),
    GraphSAGE(aggregator=MaxPoolAggregator()),
    LightPropagation(2),
    NGCFPropagation(2),
    PinSage(),
    SGC(),
]


def once(log: Interactions) -> Interactions:
    """The log with each pair once, as the whole graph has it."""
    key = log.user.astype(np.int64) * len(log.items) + log.item
    return log.take(np.sort(np.unique(key, return_index=True)[1]))


def pairs_of(log):
    return Edges().of(Fold.of(log, "test"), "test")


@pytest.mark.parametrize("encoder", ENCODERS, ids=repr)
def test_with_all_neighbours_a_sampled_vector_is_that_of_the_whole_graph(encoder):
    pairs = pairs_of(once(draw_log()))
    module = initialised(
        lambda: encoder.of_graph(pairs.graph, 8), np.random.default_rng(0)
    )
    nodes = np.array([3, 40, 3, 0, 55])

    field = Fields.of(ALL, module, pairs, "cpu").field(nodes, None, 0)
    found, whole = module.of(field), module(torch.from_numpy(nodes))

    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-5)
    for loss in (found, whole):
        module.zero_grad()
        loss.square().sum().backward()
        grad = module.first.own.weight.grad.clone()
        if loss is found:
            of_sample = grad
    torch.testing.assert_close(of_sample, grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("encoder", ENCODERS, ids=repr)
def test_a_pair_reads_nothing_of_its_own_time_or_later(encoder):
    log = draw_log()
    cut = int(np.median(log.time))
    item = np.where(log.time < cut, log.item, (log.item * 7 + 3) % len(log.items))
    future = replace(log, item=item.astype(np.int32))
    one, other = pairs_of(log), pairs_of(future)
    module = initialised(
        lambda: encoder.of_graph(one.graph, 8), np.random.default_rng(0)
    )
    nodes, clocks = np.arange(45), np.full(45, cut)

    found = [
        module.of(Fields.of(PAST, module, pairs, "cpu").field(nodes, clocks, 0))
        for pairs in (one, other)
    ]

    assert one.graph.nodes == other.graph.nodes
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("encoder", "ego"),
    chosen(
        {
            "recent": (GraphSAGE(), PAST),
            "drawn": (GraphSAGE(), DRAWN),
            "clusters": (GCN(), CLUSTERS),
            "walks": (PinSage(), WALKS.all_time().top(10)),
        },
        "recent",
        "walks",
    ),
)
def test_two_groups_that_share_nothing_are_told_apart(encoder, ego):
    training = Training(30, 128, optimizer=Adam(1e-2), patience=None)
    method = Embedding(
        "sampled", encoder, embedding_size=16, training=training, ego=ego
    )

    assert_tells_two_groups_apart(method)


def test_what_cannot_be_sampled_is_said():
    log = draw_log()
    softmax = Objective(loss=SampledSoftmax())
    with pytest.raises(ConfigError, match="share their negatives"):
        Embedding(encoder=GCN(), objective=softmax, training=FEW, ego=PAST).fit(log)
    with pytest.raises(ConfigError, match="has no layers"):
        Embedding(encoder=Identity(), training=FEW, ego=PAST).fit(log)
    with pytest.raises(ConfigError, match="cannot read walk"):
        Embedding(encoder=GCN(), training=FEW, ego=WALKS).fit(log)
