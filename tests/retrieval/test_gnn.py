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
from tidegraph.testing.retrievers import RetrieverLaws, permuted, requests_at
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training
from tiers import chosen

FEW = Training(2, 128, patience=None)


class TestGCN(RetrieverLaws):
    retriever = gcn(embedding_size=8, training=FEW)
    seeded_by_row = True  # First weights and samples are drawn row by row.


class TestSGC(RetrieverLaws):
    variant_of = "TestGCN"
    retriever = sgc(embedding_size=8, training=FEW)
    seeded_by_row = True  # As above, and below.


class TestGAT(RetrieverLaws):
    variant_of = "TestGCN"
    retriever = gat(embedding_size=8, heads=2, training=FEW)
    seeded_by_row = True


class TestGIN(RetrieverLaws):
    variant_of = "TestGCN"
    retriever = gin(embedding_size=8, training=FEW)
    seeded_by_row = True


class TestNGCF(RetrieverLaws):
    variant_of = "TestGCN"
    retriever = ngcf(2, embedding_size=8, training=FEW)
    seeded_by_row = True


class TestGraphSAGE(RetrieverLaws):
    variant_of = "TestGCN"
    retriever = graphsage((3, 2), embedding_size=8, training=FEW)
    seeded_by_row = True


class TestPinSage(RetrieverLaws):
    retriever = pinsage(3, embedding_size=8, training=FEW)
    seeded_by_row = True


class TestLCGNN(RetrieverLaws):
    variant_of = "TestGCN"
    retriever = lcgnn(5, embedding_size=8, training=FEW)
    seeded_by_row = True


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
    # Rows tell nothing of the quarter: what mixed them up by four would be found.
    user, place = rng.permutation(120), rng.permutation(80)
    log = permuted(log, user, place)
    # PinSage's margin is learnt in small steps.
    epochs, step = (30, 1e-2) if method is pinsage else (6, 3e-2)
    training = Training(epochs, 128, optimizer=Adam(step), patience=None)

    fitted = method(embedding_size=16, training=training, seed=0).fit(log)
    answer = fitted.retrieve(requests_at(log, repeat=False), 5)

    right = np.argsort(place)[answer.item] % 4 == np.argsort(user)[:, None] % 4
    assert right[answer.present].mean() > 0.6
