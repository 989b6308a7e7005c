"""Factorisations, filters and heuristics tell two groups apart that share nothing."""

import pytest

from retrieval.recipes_log import assert_tells_two_groups_apart
from tidegraph.retrieval.heuristics.proximity import (
    AdamicAdar,
    CommonNeighbors,
    Katz,
    PersonalizedPageRank,
)
from tidegraph.retrieval.recipes.factorized import ials
from tidegraph.retrieval.recipes.graph_filters import cheby_cf, gf_cf, pure_svd
from tidegraph.retrieval.recipes.mf import bpr_mf, softmax_mf, svdpp
from tidegraph.training.optimizers import Adam
from tidegraph.training.settings import Training

TRAINING = Training(10, 128, Adam(2e-2), patience=None)
METHODS = {
    "adamic_adar": AdamicAdar(),
    "adamic_adar of items": AdamicAdar(on="items"),
    "common_neighbors": CommonNeighbors(),
    "katz": Katz(),
    "personalized_pagerank": PersonalizedPageRank(),
    # Of closed forms as many numbers as there are groups; more fit noise.
    "bpr_mf": bpr_mf(8, training=TRAINING),
    "cheby_cf": cheby_cf(order=4, rank=8),
    "gf_cf": gf_cf(rank=8),
    "ials": ials(2),
    "pure_svd": pure_svd(2),
    "softmax_mf": softmax_mf(8, negatives=32, training=TRAINING),
    "svdpp": svdpp(8, training=TRAINING),
}


@pytest.mark.parametrize("name", METHODS)
def test_two_groups_that_share_nothing_are_told_apart(name):
    assert_tells_two_groups_apart(METHODS[name], repeat=False)
