"""Recipes of graph neural networks keep the laws of retrievers and find clusters."""

from dataclasses import replace

import numpy as np
import pytest

from tidegraph.retrieval.recipes.gnn import (
    gat,
    gcn,
    gin,
    graphsage,
    lcgnn,
    lightgcn,
    ngcf,
    pinsage,
    sgc,
)
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import RetrieverLaws, requests_at
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training
from tiers import chosen

FEW = Training(2, 128, patience=None)


class TestGCN(RetrieverLaws):
    retriever = gcn(embedding_size=8, training=FEW)
    unmoved = 0.0  # First weights and samples are drawn row by row.


class TestSGC(RetrieverLaws):
    variant_of = "TestGCN"
    retriever = sgc(embedding_size=8, training=FEW)
    unmoved = 0.0  # As above, and below.


class TestGAT(RetrieverLaws):
    variant_of = "TestGCN"
    retriever = gat(embedding_size=8, heads=2, training=FEW)
    unmoved = 0.0


class TestGIN(RetrieverLaws):
    variant_of = "TestGCN"
    retriever = gin(embedding_size=8, training=FEW)
    unmoved = 0.0


class TestNGCF(RetrieverLaws):
    variant_of = "TestGCN"
    retriever = ngcf(2, embedding_size=8, training=FEW)
    unmoved = 0.0


class TestGraphSAGE(RetrieverLaws):
    variant_of = "TestGCN"
    retriever = graphsage((3, 2), embedding_size=8, training=FEW)
    unmoved = 0.0


class TestPinSage(RetrieverLaws):
    retriever = pinsage(3, embedding_size=8, training=FEW)
    unmoved = 0.0


class TestLCGNN(RetrieverLaws):
    variant_of = "TestGCN"
    retriever = lcgnn(5, embedding_size=8, training=FEW)
    unmoved = 0.0


@pytest.mark.parametrize(
    "method",
    chosen(
        {
            one.__name__: one
            for one in (gat, gcn, gin, graphsage, lcgnn, lightgcn, ngcf, pinsage, sgc)
        },
        "gat",
        "pinsage",
    ),
)
def test_planted_clusters_are_found(method):
    """Three quarters of the events of a user are with their own quarter of items."""
    rng, events = np.random.default_rng(7), 1800
    log = draw_log(events=events, users=120, items=80)
    own = rng.integers(0, 20, events) * 4 + log.user % 4
    item = np.where(rng.random(events) < 3 / 4, own, rng.integers(0, 80, events))
    log = replace(log, item=item.astype(np.int32))
    # PinSage's margin is not learnt in large steps.
    epochs, step = (15, 1e-2) if method is pinsage else (6, 3e-2)
    training = Training(epochs, 128, optimizer=Adam(step), patience=None)

    fitted = method(embedding_size=16, training=training, seed=0).fit(log)
    answer = fitted.retrieve(requests_at(log, repeat=False), 5)

    right = answer.item % 4 == np.arange(len(log.users))[:, None] % 4
    assert right[answer.present].mean() > 0.6
