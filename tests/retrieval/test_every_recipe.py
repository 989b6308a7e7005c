"""What every recipe whose answers are products of vectors takes alike."""

import inspect
import tomllib
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from tidegraph.lazy import Homes
from tidegraph.nn.conv import EncodesFeatures
from tidegraph.recipe_file.recipe import pipeline_of
from tidegraph.retrieval.embedding import Embedding
from tidegraph.retrieval.graph_filter import GraphFilter
from tidegraph.retrieval.index import Exact, InvertedLists
from tidegraph.retrieval.solvers import NetMF
from tidegraph.testing.logs import draw_log
from tidegraph.testing.retrievers import requests_at
from tidegraph.training.settings import Training
from tiers import chosen

RECIPES = dict(Homes.of("tidegraph.retrieval.recipes"))
NEEDED: dict[str, dict[str, tuple[str, ...]]] = {
    "ges": {"side": ("category",)},
    "eges": {"side": ("category",)},
    "metapath2vec": {"path": ("action", "~action")},
}
FILTERS = {"cheby_cf", "gf_cf", "pure_svd"}
"""These multiply a history with a matrix of the graph; there are no vectors."""
WITH_VECTORS = sorted(RECIPES.keys() - FILTERS)
ALL_LISTS = InvertedLists(share=1.0)


def _made(name: str, **settings: Any) -> Any:
    return RECIPES[name](**NEEDED.get(name, {}), **settings)


def test_all_recipes_but_filters_have_vectors():
    assert len(WITH_VECTORS) >= 27
    assert all(isinstance(_made(name), GraphFilter) for name in FILTERS)


@pytest.mark.parametrize("name", WITH_VECTORS)
def test_a_recipe_takes_an_index_and_is_else_the_same(name):
    made = _made(name, index=ALL_LISTS)

    assert made.index == ALL_LISTS
    assert replace(made, index=Exact()) == _made(name)


@pytest.mark.parametrize("name", WITH_VECTORS)
def test_a_recipe_file_names_the_index_of_a_recipe(name):
    needed = NEEDED.get(name, {}).items()
    side = "".join(f"{key} = {list(value)}\n" for key, value in needed)
    text = f'[[retrieve]]\nmodel = "{name}"\nindex = {{ type = "InvertedLists" }}\n'
    (made,) = pipeline_of(tomllib.loads(text + side), "r").blend.methods.values()

    assert made == _made(name, index=InvertedLists())


def _quick(name: str) -> dict[str, Any]:
    known = inspect.signature(RECIPES[name]).parameters
    training = Training(1, 128, patience=None)
    quick = {"embedding_size": 8, "training": training, "solver": NetMF(8)}
    return {key: value for key, value in quick.items() if key in known}


@pytest.mark.parametrize(
    "name", chosen(WITH_VECTORS, "hope", "lightgcn", "line", "sasrec", "bge")
)
def test_lists_that_are_all_searched_find_what_is_found_exactly(name):
    log, settings = draw_log(), _quick(name)
    requests = requests_at(log, repeat=True)

    exact = _made(name, **settings).fit(log).retrieve(requests, 5)
    found = _made(name, **settings, index=ALL_LISTS).fit(log).retrieve(requests, 5)

    assert exact.present.any()
    np.testing.assert_allclose(found.score, exact.score, rtol=1e-4, atol=1e-5)


READ_FEATURES = ("graphsage", "lcgnn", "pinsage")


def test_a_recipe_of_an_encoder_that_reads_features_takes_them():
    made = {name: _made(name) for name in RECIPES}
    encoders = {n: m.encoder for n, m in made.items() if isinstance(m, Embedding)}
    read = {n for n, one in encoders.items() if isinstance(one, EncodesFeatures)}

    # That of ges and eges is made of them, and gcn has the whole graph's nodes alone.
    assert read - {"ges", "eges", "gcn"} == set(READ_FEATURES)
    for name in READ_FEATURES:
        plain, told = made[name], _made(name, features=("price",), ids=False)
        encoder = replace(plain.encoder, features=("price",), ids=False)
        assert told == replace(plain, encoder=encoder)


@pytest.mark.parametrize("name", chosen(READ_FEATURES, "lcgnn"))
def test_an_item_without_an_event_is_found_by_its_features(name):
    log = draw_log()
    new = len(log.items) - 1
    log = log.take(log.item != new)
    method = cast(Embedding, _made(name, features=("category",), **_quick(name)))

    plain, fitted = _made(name, **_quick(name)).fit(log), method.fit(log)

    assert fitted.item_known[new]
    assert not plain.item_known[new:].any()
    lists = fitted.retrieve(requests_at(log, repeat=True), len(log.items))
    assert (lists.item == new).any()
